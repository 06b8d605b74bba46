"""The base of all metrics: what they take, how they describe themselves, and what they refuse."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from signvip.errors import DataError


class Signing(NamedTuple):
    """One clip with its body: frames (F, H, W, 3) in [0, 1], keypoints (F, 128, 3) as in `contracts.Clip`."""

    frames: np.ndarray
    keypoints: np.ndarray


class Cost(NamedTuple):
    """The cost of one clip: frames made, wall seconds from text to pixels, parameters that were read."""

    frames: int
    seconds: float
    parameters: int


class Measure:
    """Base of the built-in metrics; a plugin needs no more than `contracts.Metric` asks for."""

    takes, aligned = "videos", False
    higher_is_better = True
    target: float | None = None
    signature = ""
    unit = ""

    def __init__(self, config: Any) -> None:
        self.config = config

    def counted(self, generated: Sequence[Any], truth: Sequence[Any]) -> int:
        """Return how many things the value is a mean (or a statistic) of: clips, unless a metric says otherwise."""
        return len(truth)

    def remark(self, generated: Sequence[Any], truth: Sequence[Any]) -> str | None:
        """Return what a reader must know about these sets to trust the value, as a sentence."""
        return None


class Summed(Measure, ABC):
    """A metric that is computed from sums over clips, so that chance can draw the clips again."""

    def __call__(self, generated: Sequence[Any], truth: Sequence[Any]) -> dict[str, float]:
        return self.score(self.statistics(generated, truth).sum(axis=0))

    @abstractmethod
    def statistics(self, generated: Sequence[Any], truth: Sequence[Any]) -> np.ndarray:
        """Return what each clip adds to the sums: (clips, k)."""

    @abstractmethod
    def score(self, sums: np.ndarray) -> dict[str, float]:
        """Return the numbers that sums (k,) make; not a number where nothing was summed."""


class MeanOfClips(Summed):
    """A metric of one number, named `key`: the mean of its clips' own, over the clips that have one."""

    key: str

    @abstractmethod
    def of_clips(self, generated: Sequence[Any], truth: Sequence[Any]) -> list[float | None]:
        """Return the number of each clip, None where a clip has none (no hand is seen, say)."""

    def statistics(self, generated: Sequence[Any], truth: Sequence[Any]) -> np.ndarray:
        found = self.of_clips(generated, truth)
        return np.array([(0.0, 0.0) if value is None else (value, 1.0) for value in found])

    def score(self, sums: np.ndarray) -> dict[str, float]:
        total, count = sums.tolist()
        return {self.key: total / count if count else math.nan}


def check_pairs(name: str, generated: Sequence[Any], truth: Sequence[Any]) -> None:
    """Refuse what is not a set, an empty set, and sets of different sizes: nothing is cut to fit."""
    for items in (generated, truth):
        if isinstance(items, str) or not hasattr(items, "__len__"):
            raise DataError(
                f"{name} compares two lists; this one is {type(items).__name__}, so put it in a list."
            )
    if len(truth) == 0:  # an array of clips is a list of them, and has no truth value
        raise DataError(f"{name} was given no clips; give at least one.")
    if len(generated) != len(truth):
        raise DataError(
            f"{name} was given {len(generated)} generated clips and {len(truth)} true ones; give one of each."
        )


def check_video(name: str, frames: np.ndarray) -> None:
    """Refuse what is not a video (F, H, W, 3) of floats in [0, 1]: bytes that are all 0 or 1 would pass for black."""
    if not isinstance(frames, np.ndarray):
        raise DataError(
            f"{name} takes videos as NumPy arrays (F, H, W, 3), and this one is {type(frames).__name__}."
        )
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.size == 0:
        raise DataError(f"{name} takes videos (F, H, W, 3); this one has the shape {frames.shape}.")
    if not np.issubdtype(frames.dtype, np.floating):
        raise DataError(f"{name} takes floats in [0, 1] and was given {frames.dtype}; divide bytes by 255.")
    low, high = float(frames.min()), float(frames.max())
    if not (low >= 0 and high <= 1):  # also where a value is not a number
        raise DataError(
            f"{name} takes values in [0, 1] and was given {low:.3g} to {high:.3g}; divide bytes by 255."
        )


def check_aligned(name: str, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> None:
    """Refuse videos that are not aligned frame by frame: they are neither cut nor resampled."""
    check_pairs(name, generated, truth)
    for clip, (made, wanted) in enumerate(zip(generated, truth, strict=True)):
        check_video(name, made)
        check_video(name, wanted)
        if len(made) != len(wanted):
            raise DataError(
                f"{name} compares aligned frames, and clip {clip} has {len(made)} frames where its truth has "
                f"{len(wanted)}; use it on clips made from their true conditions."
            )
        if made.shape != wanted.shape:
            raise DataError(
                f"{name} compares frames of one size, and clip {clip} has {made.shape[1:3]} where its truth has "
                f"{wanted.shape[1:3]}; bring both to one size first."
            )
