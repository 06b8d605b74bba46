"""Looking for the mark without the original: every crop of up to a quarter is tried, and chance is bounded.

The bound holds for any video that was made without the key. Let F be what the video has at the waves of the mark, made
about equally strong without regard to their phases. The key's phases are random and independent of it, so
s = |sum(conj(key) F)|^2 / sum|F|^2 over the known waves has E exp(a s) <= 1 / (1 - a), the same sum d over the waves of
the payload, in the phase that the known ones give, has E exp(a d) <= (1 - a)^-1/2, and by Chernoff's bound
P(s + d >= x) <= exp(3/2 - x) (2x / 3)^(3/2) for one crop and one payload. Both are added up over all that are tried.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from signvip.origin.canvas import SIDE, Canvas, turning
from signvip.origin.pattern import BITS, REACH, known, waves, words

FOUND = 1e-6  # below this probability of a reading by chance, the mark was found
SURE = 1e-9  # below this one, a clip is refused as ground truth
STEP = 0.02  # of a frame, in which crops are tried: a tenth of the shortest wave
_GRID = np.arange(-REACH, REACH + 1)
_SMALLEST = 0.76  # of a frame that is left on a side: a crop of an eighth at either end
_RIDGE = 0.1
_LOOKED_AT = 4  # crops whose payload is read: those in which the known waves stand out most


@dataclass(frozen=True)
class Crop:
    """The part of the marked frame that is on the screen, as fractions of the frame."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True)
class Mark:
    """The mark that was found: the payload, and how likely a video without one looks as much like it."""

    payload: int
    score: float
    chance: float
    crop: Crop

    @property
    def found(self) -> bool:
        return self.chance < FOUND


def detect(*canvases: Canvas) -> Mark | None:
    """Return the likeliest reading of one canvas, or of the parts of one; None where there is nothing to read."""
    long = [canvas for canvas in canvases if len(canvas.seconds) > 1]
    counts = [len(canvas.seconds) for canvas in long]
    picture = sum(count * turning(canvas) for count, canvas in zip(counts, long, strict=True))
    if not np.any(picture):
        return None
    picture = np.asarray(picture) / sum(counts)
    tried = sorted(_crops(picture), key=lambda each: -each[0])
    readings = [_read(picture, crop, score) for score, _, crop in tried[:_LOOKED_AT]]
    score, payload, crop = max(readings, key=lambda reading: reading[0])
    return Mark(payload, score, _chance(score, sum(places for _, places, _ in tried)), crop)


def _crops(picture: np.ndarray) -> Iterator[tuple[float, int, Crop]]:
    """(score of the known waves, how many places were tried, the best of them) for each size of a crop."""
    sides = np.arange(_SMALLEST, 1 + STEP / 2, STEP)
    across = {side: _planes(side) for side in sides}
    frequencies, phases = waves()
    at = frequencies[: known(), 1] + REACH, frequencies[: known(), 0] + REACH
    for height in sides:
        rows = across[height] @ picture
        for width in sides:
            found = np.zeros((2 * REACH + 1,) * 2, dtype=complex)
            strength = _even(rows @ across[width].T)
            found[at] = strength[at] * phases[: known()].conj()
            sums = np.abs(_shifts(height) @ found @ _shifts(width).T) ** 2
            top, left = np.unravel_index(sums.argmax(), sums.shape)
            score = float(sums[top, left] / max(float(np.sum(np.abs(found) ** 2)), 1e-30))
            yield score, sums.size, Crop(float(left * STEP), float(top * STEP), float(width), float(height))


def _read(picture: np.ndarray, crop: Crop, score: float) -> tuple[float, int, Crop]:
    """(score of all waves, payload, crop): the word that fits best in the phase of the known waves."""
    frequencies, phases = waves()
    found = _even(_planes(crop.height) @ picture @ _planes(crop.width).T)
    values = found[frequencies[:, 1] + REACH, frequencies[:, 0] + REACH] * phases.conj()
    values = values * np.exp(-2j * np.pi * (frequencies @ [crop.left, crop.top]))
    phase = np.sum(values[: known()])
    carried = values[known() :] * np.conj(phase) / max(abs(phase), 1e-30)
    sums = words().astype(np.float32) @ carried.real.astype(np.float32)
    payload = int(sums.argmax())
    fit = max(float(sums[payload]), 0.0) ** 2 / max(float(np.sum(np.abs(carried) ** 2)), 1e-30)
    return score + fit, payload, crop


def _chance(score: float, tried: int) -> float:
    """Bound the probability that the best of all crops and payloads reaches a score without a mark."""
    if score <= 1.5:
        return 1.0
    logarithm = 1.5 - score + 1.5 * math.log(score / 1.5) + math.log(tried) + BITS * math.log(2)
    return math.exp(min(0.0, logarithm))


def _even(values: np.ndarray) -> np.ndarray:
    """Bring strong and weak waves to about one size, so that no few of them decide."""
    sizes = np.abs(values)
    return values / (sizes + max(float(np.median(sizes)), 1e-30))


@cache
def _planes(side: float) -> np.ndarray:
    """Weights that read the waves of the mark from a screen that shows such a part of it (11, 64).

    Waves that do not come round within the screen overlap; least squares tell them apart, with a ridge against noise.
    """
    shown = np.exp(2j * np.pi * side * np.outer((np.arange(SIDE) + 0.5) / SIDE, _GRID))
    overlap = shown.conj().T @ shown / SIDE
    return np.linalg.solve(overlap + _RIDGE * np.eye(len(_GRID)), shown.conj().T / SIDE)


@cache
def _shifts(side: float) -> np.ndarray:
    """Return how the waves' phases move with the place of a crop (places, 11)."""
    places = np.arange(0, 1 - side + STEP / 2, STEP)
    return np.exp(-2j * np.pi * np.outer(places, _GRID))
