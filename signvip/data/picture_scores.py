"""PSNR and SSIM of aligned frames (section 4.1), computed by scikit-image on uint8 pixels or floats in [0, 1]."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from signvip.contracts import FACE, LEFT_HAND, RIGHT_HAND

IDENTICAL_DB = 100.0  # stands for the infinite PSNR of identical frames
LEAST_SIDE, SMALL_FRAME = 32, 128  # pixels
WINDOW = 11  # pixels, the side of the window of SSIM
SEEN, MARGIN = 0.3, 1.2  # the least confidence of a point; a box around points, times this

Video = Sequence[np.ndarray] | np.ndarray
"""Frames (H, W, 3), uint8 or floats in [0, 1], in a list or stacked."""
Box = tuple[slice, slice]
"""Rows and columns of a part of a frame."""
Boxes = Callable[[np.ndarray, tuple[int, int]], list[Box]]
"""Keypoints (128, 3) and the size of a frame to the boxes that are looked at."""


def psnr(generated: Video, truth: Video) -> float:
    """Mean over frames of the peak signal-to-noise ratio in dB."""
    return float(np.mean([frame_psnr(a, b) for a, b in zip(generated, truth, strict=True)]))


def frame_psnr(generated: np.ndarray, truth: np.ndarray) -> float:
    """PSNR in dB of one frame (H, W, 3), 100 where it is identical."""
    with np.errstate(divide="ignore"):
        value = peak_signal_noise_ratio(truth, generated, data_range=_peak(truth))
    return float(min(value, IDENTICAL_DB))


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


def hand_boxes(keypoints: np.ndarray, size: tuple[int, int]) -> list[Box]:
    """Square boxes around the hands of one frame with keypoints (128, 3) as in `contracts.Clip`."""
    boxes = (_box(keypoints[hand], size) for hand in (LEFT_HAND, RIGHT_HAND))
    return [box for box in boxes if box is not None]


def face_boxes(keypoints: np.ndarray, size: tuple[int, int]) -> list[Box]:
    """Return the square box around the face of one frame, from its 68 points: one box, or none."""
    box = _box(keypoints[FACE], size)
    return [] if box is None else [box]


def ssim_in(boxes: Boxes, generated: Video, truth: Video, keypoints: np.ndarray) -> float:
    """Mean SSIM inside boxes around parts of the truth; keypoints (F, 128, 3). NaN where there are none."""
    return _mean_in(frame_ssim, boxes, generated, truth, keypoints)


def hand_ssim(generated: Video, truth: Video, keypoints: np.ndarray) -> float:
    """Mean SSIM inside the boxes of the ground truth's hands; keypoints (F, 128, 3). NaN where no hand is seen."""
    return ssim_in(hand_boxes, generated, truth, keypoints)


def face_ssim(generated: Video, truth: Video, keypoints: np.ndarray) -> float:
    """Mean SSIM inside the box of the ground truth's face; keypoints (F, 128, 3). NaN where no face is seen."""
    return ssim_in(face_boxes, generated, truth, keypoints)


def hand_psnr(generated: Video, truth: Video, keypoints: np.ndarray) -> float:
    """Mean PSNR in dB inside the boxes of the ground truth's hands; keypoints (F, 128, 3). NaN where none is seen."""
    return _mean_in(frame_psnr, hand_boxes, generated, truth, keypoints)


def _mean_in(
    score: Callable[[np.ndarray, np.ndarray], float],
    boxes: Boxes,
    generated: Video,
    truth: Video,
    keypoints: np.ndarray,
) -> float:
    values = []
    for made, wanted, points in zip(generated, truth, keypoints, strict=True):
        for rows, columns in boxes(points, wanted.shape[:2]):
            values.append(score(made[rows, columns], wanted[rows, columns]))
    return float(np.mean(values)) if values else float("nan")


def _box(points: np.ndarray, size: tuple[int, int]) -> Box | None:
    """Return the square box around points (P, 3), times 1.2.

    Fewer than half of the points above a confidence of 0.3 have no box. The smallest side is 32 pixels, and 16 in
    frames below 128, where 32 would be more body than hand.
    """
    height, width = size
    least = LEAST_SIDE if min(size) >= SMALL_FRAME else LEAST_SIDE // 2
    seen = points[points[:, 2] >= SEEN, :2] * (width, height)
    if 2 * len(seen) < len(points):
        return None
    low, high = seen.min(axis=0), seen.max(axis=0)
    half = max(float((high - low).max()) * MARGIN, least) / 2
    centre = (low + high) / 2
    left, top = np.maximum(np.floor(centre - half), 0).astype(int)
    right, bottom = np.minimum(np.ceil(centre + half), (width, height)).astype(int)
    if right - left < WINDOW or bottom - top < WINDOW:
        return None
    return slice(top, bottom), slice(left, right)


def _peak(image: np.ndarray) -> int:
    return 255 if image.dtype == np.uint8 else 1
