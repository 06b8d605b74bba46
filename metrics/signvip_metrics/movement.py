"""Videos that need not be aligned: how long they are, how restless, and whether they stand still."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from signvip.errors import DataError
from signvip.measures import MeanOfClips, Summed, check_pairs, check_video

STILL = 0.5 / 255  # mean absolute difference of two frames, in [0, 1]; below it nothing can be seen to move


class LengthRatio(MeanOfClips):
    """Mean over clips of generated over true length in frames; 1 is best."""

    key = "length_ratio"
    higher_is_better, target = False, 1.0
    signature = "frames over frames of the truth, mean over clips"
    unit = "of the truth's"

    def of_clips(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[float | None]:
        check_pairs("length_ratio", generated, truth)
        if not all(map(len, truth)):
            raise DataError("length_ratio was given a true clip without frames; leave it out.")
        return [len(made) / len(wanted) for made, wanted in zip(generated, truth, strict=True)]


class Jitter(Summed):
    """Mean absolute second difference of the pixels over time, as a ratio to the truth's; 1 is best.

    Below 1 the video is too smooth, or stands still; above, it trembles.
    """

    higher_is_better, target = False, 1.0
    signature = "mean |x[t+1] - 2 x[t] + x[t-1]| of all clips, over the truth's"
    unit = "of the truth's"

    def statistics(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> np.ndarray:
        check_pairs("jitter", generated, truth)
        found = np.array([[restlessness(video) for video in set_] for set_ in (generated, truth)]).T
        if not found[:, 1].any():
            raise DataError("jitter has nothing to compare with: nothing moves in the ground truth.")
        return found

    def score(self, sums: np.ndarray) -> dict[str, float]:
        made, wanted = sums.tolist()
        return {"jitter": made / wanted if wanted else math.nan}


class FrozenFrames(Summed):
    """Share of frames that equal the frame before to the eye, lower is better; the ground truth's is the floor."""

    higher_is_better = False
    signature = "mean absolute difference to the frame before < 0.5/255, over all frames but the first"

    def statistics(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> np.ndarray:
        check_pairs("frozen", generated, truth)
        found = np.array([(frozen(video).sum(), len(video) - 1) for video in generated])
        if not found[:, 1].any():
            raise DataError("frozen needs videos of at least two frames.")
        return found

    def score(self, sums: np.ndarray) -> dict[str, float]:
        still, frames = sums.tolist()
        return {"frozen": still / frames if frames else math.nan}

    def counted(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> int:
        return sum(len(video) > 1 for video in generated)


def restlessness(video: np.ndarray) -> float:
    """Return the mean absolute second difference over time of (F, H, W, 3) in [0, 1]."""
    check_video("jitter", video)
    if len(video) < 3:
        raise DataError(f"jitter needs videos of at least three frames; this one has {len(video)}.")
    return float(np.abs(np.diff(video, n=2, axis=0)).mean())


def frozen(video: np.ndarray) -> np.ndarray:
    """Return whether each frame but the first equals the one before: (F - 1,) bool."""
    check_video("frozen", video)
    return np.abs(np.diff(video, axis=0)).mean(axis=(1, 2, 3)) < STILL
