"""Report progress to a person; the engine never prints, and the command line decides how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Task(Protocol):
    """One bar."""

    def advance(self, steps: int = 1, **values: float) -> None:
        """Move on by a number of steps; values (loss, PSNR ...) are shown beside the bar."""
        ...


class Reporter(Protocol):
    """The receiver of tasks and remarks."""

    def task(self, name: str, total: int, done: int = 0) -> AbstractContextManager[Task]:
        """Open a bar of `total` steps of which `done` were done before (resume)."""
        ...

    def say(self, message: str) -> None:
        """Say one remark, a sentence."""
        ...


class _SilentTask:
    def advance(self, steps: int = 1, **values: float) -> None:
        return None


class Silent:
    """The reporter of Python callers: says nothing."""

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Task]:
        yield _SilentTask()

    def say(self, message: str) -> None:
        return None


def following(task: Task) -> Callable[[int, int], None]:
    """Return a `progress(done, total)` callback that moves a bar to where the work is."""
    shown = 0

    def follow(done: int, total: int) -> None:
        nonlocal shown
        task.advance(done - shown)
        shown = done

    return follow
