"""PSNR and SSIM of aligned frames (section 4.1), computed by scikit-image on uint8 pixels or floats in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

IDENTICAL_DB = 100.0  # stands for the infinite PSNR of identical frames
LEAST_SIDE, SMALL_FRAME = 32, 128  # pixels

Video = Sequence[np.ndarray] | np.ndarray
"""Frames (H, W, 3), uint8 or floats in [0, 1], in a list or stacked."""


def psnr(generated: Video, truth: Video) -> float:
    """Mean over frames of the peak signal-to-noise ratio in dB."""
    with np.errstate(divide="ignore"):
        values = [
            peak_signal_noise_ratio(b, a, data_range=_peak(b)) for a, b in zip(generated, truth, strict=True)
        ]
    return float(np.mean(np.minimum(values, IDENTICAL_DB)))


def ssim(generated: Video, truth: Video) -> float:
    """Mean over frames of the structural similarity (Wang et al. 2004: Gaussian window of 11, sigma 1.5)."""
    return float(np.mean([frame_ssim(a, b) for a, b in zip(generated, truth, strict=True)]))


def frame_ssim(generated: np.ndarray, truth: np.ndarray) -> float:
    """SSIM of one frame (H, W, 3), both sides at least 11 pixels."""
    return float(
        structural_similarity(
            generated, truth, channel_axis=-1, data_range=_peak(truth), gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False,
        )
    )  # fmt: skip


def hand_boxes(keypoints: np.ndarray, size: tuple[int, int], scale: float = 1.2) -> list[list[slice]]:
    """Square boxes around the hands of one frame, as (rows, columns) slices.

    keypoints (128, 3) as in `contracts.Clip`; a hand with fewer than half of its points above a confidence of
    0.3 has no box. The smallest side is 32 pixels, and 16 in frames below 128, where 32 would be more body than hand.
    """
    height, width = size
    least = LEAST_SIDE if min(size) >= SMALL_FRAME else LEAST_SIDE // 2
    boxes = []
    for hand in (keypoints[86:107], keypoints[107:128]):
        seen = hand[hand[:, 2] >= 0.3, :2] * (width, height)
        if len(seen) < 11:
            continue
        low, high = seen.min(axis=0), seen.max(axis=0)
        half = max(float((high - low).max()) * scale, least) / 2
        centre = (low + high) / 2
        left, top = np.maximum(np.floor(centre - half), 0).astype(int)
        right, bottom = np.minimum(np.ceil(centre + half), (width, height)).astype(int)
        if right - left >= 11 and bottom - top >= 11:
            boxes.append([slice(top, bottom), slice(left, right)])
    return boxes


def hand_ssim(generated: Video, truth: Video, keypoints: np.ndarray) -> float:
    """Mean SSIM inside the boxes of the ground truth's hands; keypoints (F, 128, 3)."""
    values = []
    for made, wanted, points in zip(generated, truth, keypoints, strict=True):
        for rows, columns in hand_boxes(points, wanted.shape[:2]):
            values.append(frame_ssim(made[rows, columns], wanted[rows, columns]))
    return float(np.mean(values)) if values else float("nan")


def _peak(image: np.ndarray) -> int:
    return 255 if image.dtype == np.uint8 else 1
