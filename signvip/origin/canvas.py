"""The canvas of the mark: the brightness of frames at 64x64, and how the mark turns once a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np

from signvip.data.decoding import decoded
from signvip.origin.pattern import PERIOD

SIDE = 64  # pixels
LONGEST = 1024  # frames that are looked at
_LIMIT = 6.0  # levels; what moves further is the signer, not the mark
_FLOOR = 2.5  # levels; below it, what a pixel does says nothing of how well it can be trusted


@dataclass(frozen=True)
class Canvas:
    """Brightness (F, 64, 64) float32 in levels of 255, and when each frame is shown, in seconds (F,)."""

    brightness: np.ndarray
    seconds: np.ndarray


def of_video(path: Path) -> Canvas:
    """Read the first frames of a video; DataError where it cannot be decoded."""
    return _collect((seconds, frame) for seconds, frame, _ in decoded(path))


def of_frames(frames: np.ndarray, fps: float) -> Canvas:
    """Take frames (F, H, W, 3) uint8 RGB at a fixed rate."""
    return _collect(
        (number / fps, av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
        for number, frame in enumerate(frames)
    )


def turning(canvas: Canvas) -> np.ndarray:
    """Return what of each pixel turns with the mark (64, 64) complex, pixels that move for other reasons weighing less.

    A mean over one period takes away what stands still and leaves the mark.
    """
    values, count = canvas.brightness, len(canvas.seconds)
    span = max(1, round(PERIOD * (count - 1) / max(float(np.ptp(canvas.seconds)), 1e-6))) if count > 1 else 1
    first = np.clip(np.arange(count) - span // 2, 0, max(0, count - span))
    last = np.minimum(first + span, count)
    sums = np.concatenate([np.zeros((1, SIDE, SIDE)), np.cumsum(values, axis=0, dtype=np.float64)])
    means = (sums[last] - sums[first]) / (last - first)[:, None, None]
    moved = np.clip(values - means, -_LIMIT, _LIMIT)
    clock = np.exp(2j * np.pi * canvas.seconds / PERIOD)
    return np.tensordot(clock, moved, axes=1) / count / (moved.var(axis=0) + _FLOOR**2)


def _collect(timed: Iterable[tuple[float, av.VideoFrame]]) -> Canvas:
    rows = list(_small(islice(timed, LONGEST)))
    if not rows:
        return Canvas(np.zeros((0, SIDE, SIDE), dtype=np.float32), np.zeros(0))
    return Canvas(np.stack([picture for _, picture in rows]), np.array([seconds for seconds, _ in rows]))


def _small(timed: Iterable[tuple[float, av.VideoFrame]]) -> Iterator[tuple[float, np.ndarray]]:
    for seconds, frame in timed:
        grey = frame.reformat(width=SIDE, height=SIDE, format="gray16le", interpolation="AREA")
        yield seconds, grey.to_ndarray().astype(np.float32) / 257
