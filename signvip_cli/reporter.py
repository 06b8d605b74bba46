"""The progress of long work: bars on a terminal, a few plain lines elsewhere; all on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from signvip.plain import plain
from signvip.progress import Task

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from signvip.progress import Reporter

LINES = 10  # plain lines a task may print, besides its last
QUIET_SECONDS = 5.0  # and never more often than this


def make_reporter() -> Reporter:
    """Bars where stderr is a terminal, else plain lines."""
    from rich.console import Console

    _hush_libraries()
    return Bars() if Console(stderr=True).is_terminal else Lines()


def _hush_libraries() -> None:
    """Libraries that draw bars of their own while they load weights are told not to, where they are in use.

    And what they tell goes through the handler of `console`: they quote a stranger's configuration as it stands.
    """
    for name in ("diffusers", "transformers"):
        if name in sys.modules:
            logs = import_module(f"{name}.utils.logging")
            logs.disable_progress_bar()
            logs.disable_default_handler()
            logs.enable_propagation()


class Bars:
    """Rich progress bars with the latest values, speed and time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[values]}"),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(stderr=True),
        )
        self._open = 0

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Task]:
        """Show one bar; the display lives as long as any of its bars."""
        from rich.markup import escape

        task = self._progress.add_task(escape(plain(name)), total=total, completed=done, values="", speed="")
        self._open += 1
        self._progress.start()
        try:
            yield _Bar(self._progress, task, done)
        finally:
            self._open -= 1
            if self._open == 0:
                self._progress.stop()

    def say(self, message: str) -> None:
        """Print a remark above the bars."""
        self._progress.console.print(plain(message), markup=False, highlight=False, soft_wrap=True)


class _Bar:
    def __init__(self, progress: Progress, task: TaskID, done: int) -> None:
        self._progress, self._task = progress, task
        self._begin, self._made = time.monotonic(), 0
        self._values: dict[str, float] = {}

    def advance(self, steps: int = 1, **values: float) -> None:
        from rich.markup import escape

        self._made += steps
        self._values |= values
        speed = self._made / max(time.monotonic() - self._begin, 1e-9)
        self._progress.update(
            self._task,
            advance=steps,
            values=escape(plain(format_values(self._values))),
            speed=format_speed(speed),
        )


class Lines:
    """Plain lines: the start, about ten on the way, and the end of a task."""

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Task]:
        """Show a task whose last line says how long it took, unless it was cut short."""
        line = _Line(name, total, done)
        yield line
        line.finish()

    def say(self, message: str) -> None:
        """Print a remark."""
        print(plain(message), file=sys.stderr, flush=True)


class _Line:
    def __init__(self, name: str, total: int, done: int) -> None:
        self._name, self._total, self._done, self._made = name, total, done, 0
        self._begin = self._printed = time.monotonic()
        self._mark = done
        self._values: dict[str, float] = {}

    def advance(self, steps: int = 1, **values: float) -> None:
        self._done += steps
        self._made += steps
        self._values |= values
        now = time.monotonic()
        far = self._done - self._mark >= max(self._total / LINES, 1)
        if far and now - self._printed >= QUIET_SECONDS and self._done < self._total:
            self._mark, self._printed = self._done, now
            speed = self._made / (now - self._begin)
            left = format_seconds((self._total - self._done) / speed)
            self._print(f"{format_values(self._values)} {format_speed(speed)} {left} left")

    def finish(self) -> None:
        self._print(f"{format_values(self._values)} done in {format_seconds(time.monotonic() - self._begin)}")

    def _print(self, rest: str) -> None:
        words = f"{plain(self._name)}: {self._done}/{self._total} {plain(rest)}".split()
        print(" ".join(words), file=sys.stderr, flush=True)


def format_values(values: dict[str, float]) -> str:
    """`loss 0.123 psnr 21.4`."""
    return " ".join(f"{name} {value:.4g}" for name, value in values.items())


def format_speed(speed: float) -> str:
    """Return steps a second, or seconds a step where that reads better."""
    return f"{speed:.1f}/s" if speed >= 1 else f"{1 / max(speed, 1e-9):.1f} s each"


def format_seconds(seconds: float) -> str:
    """`42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
