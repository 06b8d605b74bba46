"""Imports of diffusers and transformers: a million objects, all of which stay.

Python's garbage collector would look through them again and again while they come, a fifth of the time that they take.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """Import without the garbage collector; afterwards it runs as before."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()
