"""Imports of a command, which keeps them until its process ends."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Import torch and what stands on it, and let the garbage collector look at none of it, now or when Python ends.

    That is half of what these imports cost. The engine itself does not do so: whoever calls it from Python may have
    other objects, which then would never be collected.
    """
    from signvip.discovery.imports import collector_paused

    with collector_paused():
        yield
        _freeze()


def let_threads_sleep() -> None:
    """Let threads that wait sleep, unless the user chose; before torch is imported.

    Beside other work, threads that spin make a video take six times as long; on idle cores it takes the same. Training
    is a tenth slower so on idle cores, and is left as it is.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@cache
def _freeze() -> None:
    """Leave alone what is there now; once in a process, since another command in it imports nothing more."""
    gc.freeze()
