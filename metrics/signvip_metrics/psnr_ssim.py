"""Aligned frames (section 4.1): PSNR, SSIM, Hand and Face SSIM, each a mean over frames and then over clips."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from signvip.data.picture_scores import WINDOW, Box, face_boxes, hand_boxes, psnr, ssim, ssim_in
from signvip.errors import DataError
from signvip.measures import MeanOfClips, Signing, check_aligned


class Psnr(MeanOfClips):
    """Peak signal-to-noise ratio in dB, 10 log10(1 / MSE) of each frame, higher is better; identical frames are 100."""

    key, aligned = "psnr", True
    signature = "per frame, peak 1, identical frames 100 dB, mean over frames then clips (scikit-image)"
    unit = "dB"

    def of_clips(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[float | None]:
        check_aligned("psnr", generated, truth)
        return [psnr(a, b) for a, b in zip(generated, truth, strict=True)]

    def remark(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> str | None:
        same = [(a == b).all(axis=(1, 2, 3)) for a, b in zip(generated, truth, strict=True)]
        count, frames = int(sum(map(np.sum, same))), sum(map(len, same))
        return (
            f"{count} of {frames} frames are those of the truth and count as 100 dB in psnr."
            if count
            else None
        )


class Ssim(MeanOfClips):
    """Structural similarity (Wang et al. 2004) in [-1, 1], mean over the three channels, higher is better.

    Gaussian window of 11 with sigma 1.5, population covariance, borders left out: scikit-image's defaults and
    torchmetrics give other numbers.
    """

    key, aligned = "ssim", True
    signature = (
        "gaussian window 11, sigma 1.5, RGB, borders left out, mean over frames then clips (scikit-image)"
    )

    def of_clips(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[float | None]:
        check_aligned("ssim", generated, truth)
        _check_size("ssim", truth)
        return [ssim(a, b) for a, b in zip(generated, truth, strict=True)]


class PartSsim(MeanOfClips):
    """SSIM inside boxes that the ground truth's keypoints give, higher is better."""

    takes, aligned = "clips", True
    part: ClassVar[str]

    @abstractmethod
    def boxes(self, keypoints: np.ndarray, size: tuple[int, int]) -> list[Box]:
        """Return the boxes to compare in one frame with keypoints (128, 3)."""

    def of_clips(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> list[float | None]:
        made, wanted = [clip.frames for clip in generated], [clip.frames for clip in truth]
        check_aligned(self.key, made, wanted)
        _check_size(self.key, wanted)
        points = [clip.keypoints for clip in truth]
        values = [ssim_in(self.boxes, a, b, p) for a, b, p in zip(made, wanted, points, strict=True)]
        if np.isnan(values).all():
            raise DataError(
                f"{self.key} found no {self.part} in the keypoints of the ground truth; leave it out."
            )
        return [None if np.isnan(value) else value for value in values]

    def counted(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> int:
        return sum(any(found) for found in self._seen(truth))

    def _seen(self, truth: Sequence[Signing]) -> list[np.ndarray]:
        """Count the boxes in each frame of each clip."""
        return [
            np.array([len(self.boxes(points, clip.frames.shape[1:3])) for points in clip.keypoints])
            for clip in truth
        ]


class HandSsim(PartSsim):
    """SSIM inside square boxes around the hands of the ground truth, higher is better.

    The paper gives no definition. Ours: the box around the points of a hand with a confidence of at least 0.3 (half of
    them, or the hand is not seen), times 1.2, at least 32 pixels (16 in frames below 128), cut from both
    frames; mean over a clip's boxes, then over the clips in which a hand is seen.
    """

    key, part = "hand_ssim", "hand"
    signature = "boxes of true hands x1.2, >= 32 px (16 in frames below 128), confidence >= 0.3, then as ssim"

    def boxes(self, keypoints: np.ndarray, size: tuple[int, int]) -> list[Box]:
        return hand_boxes(keypoints, size)

    def remark(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> str | None:
        found = np.concatenate(self._seen(truth))
        return f"hand_ssim sees {found.sum()} of {2 * len(found)} hands, two a frame, in {len(truth)} clips."


class FaceSsim(PartSsim):
    """SSIM inside the square box around the face of the ground truth, higher is better.

    Ours, as Hand SSIM: the box around the face's 68 points with a confidence of at least 0.3 (half of them, or the face
    is not seen), times 1.2, at least 32 pixels (16 in frames below 128), cut from both frames; mean over a clip's
    frames, then over the clips in which a face is seen. Brows and mouth carry grammar.
    """

    key, part = "face_ssim", "face"
    signature = (
        "box of the true face x1.2, >= 32 px (16 in frames below 128), confidence >= 0.3, then as ssim"
    )

    def boxes(self, keypoints: np.ndarray, size: tuple[int, int]) -> list[Box]:
        return face_boxes(keypoints, size)

    def remark(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> str | None:
        found = np.concatenate(self._seen(truth))
        return f"face_ssim sees {found.sum()} of {len(found)} faces, one a frame, in {len(truth)} clips."


def _check_size(name: str, truth: Sequence[np.ndarray]) -> None:
    sides = min(min(video.shape[1:3]) for video in truth)
    if sides < WINDOW:
        raise DataError(f"{name} needs frames of at least {WINDOW} pixels; these have {sides}.")
