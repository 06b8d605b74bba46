"""Context windows: clips longer than the temporal attention's length are denoised in overlapping pieces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from signvip.errors import ConfigError

Tail = Literal["shifted", "reflected"]
"""The last window: moved back to end with the clip, or filled with the frames before, reversed (the authors' code)."""


def windows(num_frames: int, length: int, overlap: int, tail: Tail = "shifted") -> list[Sequence[int]]:
    """Cover all frames by ranges of `length` (or the whole clip), neighbours sharing `overlap` frames.

    Shifted, no frame is computed to be thrown away; reflected, some frames stand in the last window twice.
    """
    if not 0 <= overlap < length:
        raise ConfigError(
            f"A window of {length} frames cannot share {overlap} frames with the next;"
            f" choose an overlap from 0 to {length - 1}."
        )
    if tail == "reflected" and num_frames > length:
        starts = range(0, num_frames, length - overlap)
        return [[_reflect(i, num_frames) for i in range(start, start + length)] for start in starts]
    last = max(num_frames - length, 0)
    begins = [*range(0, last, length - overlap), last]
    return [range(start, min(start + length, num_frames)) for start in begins]


def _reflect(place: int, num_frames: int) -> int:
    return place if place < num_frames else 2 * num_frames - 2 - place
