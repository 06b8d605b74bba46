"""Contain what a plugin does while it is imported: exits, prints, warnings and hangs.

A plugin runs in this process, so the guard stops accidents, not attacks: code that crashes the interpreter, or that
waits in C without coming back to Python, takes the command with it.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

SECONDS = "SIGNVIP_PLUGIN_SECONDS"  # an environment variable
PATIENCE = 20.0  # seconds without a module imported: torch from a slow disk takes longer, but brings hundreds
KEPT = 500  # characters of what was printed


class Exited(Exception):
    """A plugin wanted to end the process."""


class Hung(BaseException):
    """A plugin did not come back; an `except Exception` of its own must not catch this."""


@dataclass
class Heard:
    """The text that a guarded block printed on stdout, and its warnings."""

    printed: str = ""
    warned: list[str] = field(default_factory=list)


@contextmanager
def guarded() -> Iterator[Heard]:
    """Run foreign code: Exited where it would have ended the process, Hung where it took too long.

    Its prints are kept from stdout and its warnings from being errors; both are in what this gives.
    """
    heard = Heard()
    with _overheard(heard), _recorded(heard), _without_exits(), _limited(), _interrupts() as asked:
        try:
            yield heard
        except SystemExit as error:
            raise Exited(f"it exits with {error.code!r}") from error
        except KeyboardInterrupt as error:
            if asked:
                raise
            raise Exited("it raises KeyboardInterrupt, though nobody interrupts it") from error


def describe(error: BaseException) -> str:
    """Return an error of foreign code on one line, even where it cannot be printed."""
    try:
        words = " ".join(str(error).split())
    except Exception:
        words = ""
    if isinstance(error, Hung):
        return f"it hangs: no import ended for {patience():g} s, which {SECONDS} may prolong"
    return words[:KEPT] if isinstance(error, Exited) else f"{type(error).__name__}: {words[:KEPT]}"


def patience() -> float:
    """Seconds that a plugin may take without importing anything."""
    try:
        return float(os.environ.get(SECONDS, PATIENCE))
    except ValueError:
        return PATIENCE


@contextmanager
def _limited() -> Iterator[None]:
    """Raise Hung in the block when it stops importing; only the main thread can be interrupted so."""
    limit = patience()
    if threading.current_thread() is not threading.main_thread() or limit <= 0:
        yield
        return
    seen, since = len(sys.modules), time.monotonic()

    def look(*_: Any) -> None:
        nonlocal seen, since
        if len(sys.modules) != seen:
            seen, since = len(sys.modules), time.monotonic()
        elif time.monotonic() - since >= limit:
            raise Hung

    handler, tick = signal.signal(signal.SIGALRM, look), min(1.0, limit / 4)
    outer = signal.setitimer(signal.ITIMER_REAL, tick, tick)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *outer)
        signal.signal(signal.SIGALRM, handler)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Give a list that a signal goes into when the user interrupts, to tell that from an error of the plugin's own."""
    asked: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: Any) -> None:
        asked.append(number)
        if callable(before):
            before(number, frame)

    if callable(before):  # otherwise nothing raises in Python
        signal.signal(signal.SIGINT, note)
    try:
        yield asked
    finally:
        if callable(before):
            signal.signal(signal.SIGINT, before)


@contextmanager
def _without_exits() -> Iterator[None]:
    """Let `os._exit` and `os.abort` raise; a child that the block forks ends as it wants."""
    process, ways = os.getpid(), {name: getattr(os, name) for name in ("_exit", "abort")}

    def refuse(name: str, end: Callable[..., NoReturn]) -> Callable[..., NoReturn]:
        def refused(*values: Any) -> NoReturn:
            if os.getpid() != process:
                end(*values)
            raise Exited(f"it calls os.{name}")

        return refused

    for name, end in ways.items():
        setattr(os, name, refuse(name, end))
    try:
        yield
    finally:
        for name, end in ways.items():
            setattr(os, name, end)


@contextmanager
def _recorded(heard: Heard) -> Iterator[None]:
    """Keep warnings, except those for developers, of which an import has many."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    heard.warned += [
        " ".join(str(warning.message).split())[:KEPT]
        for warning in caught
        if issubclass(warning.category, UserWarning | RuntimeWarning)
    ]


class _Ear(io.RawIOBase):
    """Takes what is written to stdout; once the block is over, what still holds it writes to stderr."""

    def __init__(self) -> None:
        self.listens, self.kept = True, b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.listens:
            self.kept += bytes(data)[: 4 * KEPT - len(self.kept)]
        else:
            with suppress(Exception):
                sys.stderr.write(bytes(data).decode(errors="replace"))
        return len(data)


@contextmanager
def _overheard(heard: Heard) -> Iterator[None]:
    """Keep stdout clean, for prints of Python and for those of libraries and child processes."""
    ear, stdout = _Ear(), sys.stdout
    sys.stdout = io.TextIOWrapper(ear, encoding="utf-8", errors="replace", write_through=True)
    held = sys.stdout  # not to be closed with the block: the plugin may have kept it
    try:
        with _descriptor_overheard(ear):
            yield
    finally:
        with suppress(ValueError):
            held.flush()
        sys.stdout, ear.listens = stdout, False
        _KEPT_OPEN.append(held)
        heard.printed = ear.kept.decode(errors="replace").strip()[:KEPT]


_KEPT_OPEN: list[io.TextIOWrapper] = []  # closing one would be an error for whoever still writes to it


@contextmanager
def _descriptor_overheard(ear: _Ear) -> Iterator[None]:
    try:
        own, memory = os.dup(1), os.memfd_create("plugin")
    except (OSError, AttributeError):  # no stdout, or no Linux
        yield
        return
    with suppress(Exception):
        sys.__stdout__.flush()  # type: ignore[union-attr]
    os.dup2(memory, 1)
    try:
        yield
    finally:
        os.dup2(own, 1)
        os.close(own)
        with open(memory, "rb") as written:
            written.seek(0)
            ear.write(written.read(4 * KEPT))
