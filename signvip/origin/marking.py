"""Marking of frames: the pattern added to their brightness, one of four pictures each quarter of a second."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from signvip.origin.pattern import BITS, draw, turn

STRONGEST, WEAKEST = 2.4, 1.0  # root mean square, in levels of 255
_SMALL = 64  # pixels on the shorter side, where h264 leaves least of it


def strength(height: int, width: int) -> float:
    """Return the root mean square of the mark: large frames need less of it, since codecs keep more of wide waves."""
    return float(np.clip(STRONGEST * (_SMALL / min(height, width)) ** 0.5, WEAKEST, STRONGEST))


@dataclass
class Marker:
    """Mark the frames of one video as they come; the same frames in other batches are marked the same."""

    payload: int
    fps: float
    _frame: int = field(default=0, init=False)
    _pictures: np.ndarray | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not 0 <= self.payload < 2**BITS:
            raise ValueError(f"a payload has {BITS} bits, and {self.payload} does not fit")

    def mark(self, frames: np.ndarray) -> np.ndarray:
        """Return the next frames (F, H, W, 3) uint8 RGB with the mark in them."""
        seconds = np.arange(self._frame, self._frame + len(frames)) / self.fps
        self._frame += len(frames)
        return self.mark_at(frames, seconds)

    def mark_at(self, frames: np.ndarray, seconds: np.ndarray) -> np.ndarray:
        """Return frames (F, H, W, 3) uint8 RGB, shown at `seconds` (F,), with the mark in them."""
        if self._pictures is None:
            height, width = frames.shape[1:3]
            pattern = draw(self.payload, height, width) * strength(height, width)
            self._pictures = np.stack([pattern.real, pattern.imag, -pattern.real, -pattern.imag])
        added = self._pictures[turn(seconds)][..., None]
        return np.clip(np.rint(frames + added), 0, 255).astype(np.uint8)
