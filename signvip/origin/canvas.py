"""The canvas of the mark: the brightness of frames at 64x64, and how the mark turns once a second."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import av
import numpy as np

from signvip.data.decoding import decoded
from signvip.origin.pattern import PERIOD

SIDE = 64  # pixels
LONGEST = 1024  # frames that are looked at
_HEIGHT = 360  # pixels of a frame whose parts are read; the smallest that is looked for has 54
_JUMP = 10.0  # levels, as a mean over a picture; a signer who moves is far below it
_ROUNDING = 1e-6  # seconds
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


@dataclass(frozen=True)
class Inset:
    """The part of the frames that a signer is in, as fractions of a frame, and when, as (start, end) in seconds."""

    left: float
    top: float
    width: float
    height: float
    shown: tuple[tuple[float, float], ...] = ((0.0, math.inf),)


def of_insets(path: Path, insets: Sequence[Inset]) -> list[list[Canvas]]:
    """Read some parts of a video, each as one canvas for each time in which it is shown, 1024 frames in all."""
    found: list[list[list[tuple[float, np.ndarray]]]] = [[[] for _ in inset.shown] for inset in insets]
    left = [LONGEST for _ in insets]
    for seconds, frame, _ in decoded(path):
        width = max(2, round(frame.width * _HEIGHT / frame.height))
        grey = frame.reformat(width=width, height=_HEIGHT, format="gray", interpolation="AREA").to_ndarray()
        for number, inset in enumerate(insets):
            for place, (start, end) in enumerate(inset.shown):
                if left[number] and start <= seconds + _ROUNDING < end:
                    left[number] -= 1
                    found[number][place].append((seconds, _part(grey, inset)))
        if not any(left):
            break
    return [[_stacked(rows) for rows in parts if len(rows) > 1] for parts in found]


def of_frames(frames: np.ndarray, fps: float) -> Canvas:
    """Take frames (F, H, W, 3) uint8 RGB at a fixed rate."""
    return _collect(
        (number / fps, av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24"))
        for number, frame in enumerate(frames)
    )


def scenes(canvas: Canvas) -> list[Canvas]:
    """Cut a canvas where the picture jumps, as where an inset comes and goes: what is before and after moves apart."""
    jumps = np.abs(np.diff(canvas.brightness, axis=0)).mean(axis=(1, 2)) > _JUMP
    cuts = [0, *(np.flatnonzero(jumps) + 1), len(canvas.seconds)]
    parts = [slice(start, end) for start, end in pairwise(cuts) if end - start > 1]
    return [Canvas(canvas.brightness[part], canvas.seconds[part]) for part in parts]


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
    return _stacked(list(_small(islice(timed, LONGEST))))


def _stacked(rows: list[tuple[float, np.ndarray]]) -> Canvas:
    if not rows:
        return Canvas(np.zeros((0, SIDE, SIDE), dtype=np.float32), np.zeros(0))
    return Canvas(np.stack([picture for _, picture in rows]), np.array([seconds for seconds, _ in rows]))


def _small(timed: Iterable[tuple[float, av.VideoFrame]]) -> Iterator[tuple[float, np.ndarray]]:
    for seconds, frame in timed:
        yield seconds, _shrunk(frame)


def _part(grey: np.ndarray, inset: Inset) -> np.ndarray:
    """Cut a part out of brightness (H, W) uint8."""
    height, width = grey.shape
    top, left = round(inset.top * height), round(inset.left * width)
    bottom, right = round((inset.top + inset.height) * height), round((inset.left + inset.width) * width)
    cut = np.ascontiguousarray(grey[top : max(bottom, top + 1), left : max(right, left + 1)])
    return _shrunk(av.VideoFrame.from_ndarray(cut, format="gray"))


def _shrunk(frame: av.VideoFrame) -> np.ndarray:
    """Return the brightness of a frame (64, 64) float32 in levels of 255."""
    small = frame.reformat(width=SIDE, height=SIDE, format="gray16le", interpolation="AREA")
    return small.to_ndarray().astype(np.float32) / 257
