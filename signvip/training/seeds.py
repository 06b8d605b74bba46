"""One seed for each step of each phase, so that nothing random depends on what happened before."""

from __future__ import annotations

import zlib


def step_seed(seed: int, phase: str, index: int) -> int:
    """Return a seed for one step of one phase, the same whatever happened before."""
    return zlib.crc32(f"{seed}/{phase}/{index}".encode())
