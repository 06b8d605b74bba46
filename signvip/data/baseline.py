"""The baseline for a model of pictures, which is the unchanged reference; and the frames that tell the two apart."""

from __future__ import annotations

import numpy as np

STILL = "the reference, unchanged"  # the row of every table in which pictures are compared
EQUAL = 1.0  # of 255, mean absolute difference: clips begin and end at rest, and a still has those frames for nothing
RULE = "frames that equal the reference picture within 1/255 on average do not count, in no row"


def counting(truth: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Tell which frames of the truth (F, H, W, 3) uint8 differ from the reference picture (H, W, 3): (F,) bool."""
    return np.asarray([np.abs(frame.astype(np.int16) - reference).mean() > EQUAL for frame in truth], bool)


def still(reference: np.ndarray, frames: int) -> np.ndarray:
    """Repeat the reference picture (H, W, 3) for the length of a clip; the frames share their memory."""
    return np.broadcast_to(reference, (frames, *reference.shape))
