"""Estimate the depth of hands: the proportions of hands tell the unit in which a file stores z."""

from __future__ import annotations

import numpy as np

# Bones by their ends, and their lengths in wrist to knuckle of the middle finger: medians of 19,000 hands of signers
# of twenty sign languages, as MediaPipe finds them (the lexicon of spoken-to-signed 0.4.0).
_BONES = np.array(
    [
        (0, 1), (1, 2), (2, 3), (3, 4), (0, 5), (5, 6), (6, 7), (7, 8), (0, 9), (9, 10), (10, 11), (11, 12),
        (0, 13), (13, 14), (14, 15), (15, 16), (0, 17), (17, 18), (18, 19), (19, 20),
        (5, 9), (9, 13), (13, 17), (5, 17),
    ]
)  # fmt: skip
_LENGTHS = np.array(
    [
        0.44, 0.41, 0.33, 0.27, 1.05, 0.47, 0.30, 0.23, 1.00, 0.51, 0.31, 0.23,
        0.95, 0.47, 0.26, 0.21, 0.93, 0.37, 0.21, 0.18,
        0.24, 0.26, 0.27, 0.74,
    ]
)  # fmt: skip
_MIDDLE = [8, 9, 10, 11]  # the bones from the wrist to the middle fingertip
_TRIED = np.geomspace(
    0.02, 20, 180
)  # in the scale that makes bones as long in z as in the picture, 4 % apart
_DOUBT = 0.02  # of |log ratio|, which is 0.09 to 0.25 of real hands, for a scale 2.7 times the usual one


def depth_scale(hands: np.ndarray, usual: float) -> float | None:
    """Return the factor from z to the unit of x and y, from sure hands (n, 21, 3); None where all z are 0.

    The scale at which bones have the lengths that they have in hands, one size for all: the least mean |log ratio|,
    which wild frames do not move much. `usual` is taken unless the hands speak against it; flat ones tell nothing.
    """
    if not len(hands):
        return usual
    bones = hands[:, _BONES[:, 0]] - hands[:, _BONES[:, 1]]
    flat, deep = (bones[..., :2] ** 2).sum(axis=-1), bones[..., 2] ** 2
    if not deep.any():
        return None
    scales = np.append(np.sqrt(flat.sum() / deep.sum()) * _TRIED, usual)
    misfits = [_misfit(flat + scale**2 * deep) + _DOUBT * abs(np.log(scale / usual)) for scale in scales]
    return float(scales[np.argmin(misfits)])


def hand_length(hands: np.ndarray) -> np.ndarray:
    """Return the lengths (...) of hands (..., 21, 3), wrist to stretched middle fingertip: the median of all bones."""
    bones = hands[..., _BONES[:, 0], :] - hands[..., _BONES[:, 1], :]
    ratios = np.linalg.norm(bones, axis=-1) / _LENGTHS
    return np.asarray(np.median(ratios, axis=-1) * _LENGTHS[_MIDDLE].sum())


def _misfit(squares: np.ndarray) -> float:
    """Return how far the squared lengths (n, bones) are from those of hands of any size."""
    ratios = 0.5 * np.log(squares + 1e-12) - np.log(_LENGTHS)
    return float(np.abs(ratios - np.median(ratios)).mean())
