"""Aligned frames (section 4.1): PSNR, SSIM and Hand SSIM, each a mean over frames and then over clips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from signvip.errors import DataError
from signvip.evaluation.images import hand_boxes, hand_ssim, psnr, ssim
from signvip.metrics.base import Measure, Signing, check_aligned

SMALLEST = 11  # pixels, the side of the window of SSIM


class Psnr(Measure):
    """Peak signal-to-noise ratio in dB, 10 log10(1 / MSE) of each frame, higher is better; identical frames are 100."""

    signature = "per frame, peak 1, identical frames 100 dB, mean over frames then clips (scikit-image)"

    def __call__(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
        check_aligned("psnr", generated, truth)
        return {"psnr": float(np.mean([psnr(a, b) for a, b in zip(generated, truth, strict=True)]))}

    def remark(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> str | None:
        same = [(a == b).all(axis=(1, 2, 3)) for a, b in zip(generated, truth, strict=True)]
        count, frames = int(sum(map(np.sum, same))), sum(map(len, same))
        return (
            f"{count} of {frames} frames are those of the truth and count as 100 dB in psnr."
            if count
            else None
        )


class Ssim(Measure):
    """Structural similarity (Wang et al. 2004) in [-1, 1], mean over the three channels, higher is better.

    Gaussian window of 11 with sigma 1.5, population covariance, borders left out: scikit-image's defaults and
    torchmetrics give other numbers.
    """

    signature = (
        "gaussian window 11, sigma 1.5, RGB, borders left out, mean over frames then clips (scikit-image)"
    )

    def __call__(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
        check_aligned("ssim", generated, truth)
        _check_size("ssim", truth)
        return {"ssim": float(np.mean([ssim(a, b) for a, b in zip(generated, truth, strict=True)]))}


class HandSsim(Measure):
    """SSIM inside square boxes around the hands of the ground truth, higher is better.

    The paper gives no definition. Ours: the box around the points of a hand with a confidence of at least 0.3 (half of
    them, or the hand is not seen), times 1.2, at least 32 pixels (16 in frames below 128), cut from both
    frames; mean over a clip's boxes, then over the clips in which a hand is seen.
    """

    takes = "clips"
    signature = "boxes of true hands x1.2, >= 32 px (16 in frames below 128), confidence >= 0.3, then as ssim"

    def __call__(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> dict[str, float]:
        made, wanted = [clip.frames for clip in generated], [clip.frames for clip in truth]
        check_aligned("hand_ssim", made, wanted)
        _check_size("hand_ssim", wanted)
        points = [clip.keypoints for clip in truth]
        values = [hand_ssim(a, b, p) for a, b, p in zip(made, wanted, points, strict=True)]
        if np.isnan(values).all():
            raise DataError("hand_ssim found no hand in the keypoints of the ground truth; leave it out.")
        return {"hand_ssim": float(np.nanmean(values))}

    def counted(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> int:
        return sum(any(found) for found in _hands(truth))

    def remark(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> str | None:
        found = np.concatenate(_hands(truth))
        return f"hand_ssim sees {found.sum()} of {2 * len(found)} hands, two a frame, in {len(truth)} clips."


def _hands(truth: Sequence[Signing]) -> list[np.ndarray]:
    """How many hands are seen in each frame of each clip."""
    return [
        np.array([len(hand_boxes(points, clip.frames.shape[1:3])) for points in clip.keypoints])
        for clip in truth
    ]


def _check_size(name: str, truth: Sequence[np.ndarray]) -> None:
    sides = min(min(video.shape[1:3]) for video in truth)
    if sides < SMALLEST:
        raise DataError(f"{name} needs frames of at least {SMALLEST} pixels; these have {sides}.")
