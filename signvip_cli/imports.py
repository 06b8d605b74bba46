"""Imports of a command, which keeps them until its process ends."""

from __future__ import annotations

import gc
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


@cache
def _freeze() -> None:
    """Leave alone what is there now; once in a process, since another command in it imports nothing more."""
    gc.freeze()
