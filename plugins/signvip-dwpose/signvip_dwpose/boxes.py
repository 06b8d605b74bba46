"""One box a frame from boxes in some frames: a signer who sits or stands needs no detection in each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from signvip.estimation import signer_boxes


def looks(frames: int, every: int) -> list[int]:
    """Return the frames to look for people in: the first, each `every`-th, and the last; the first alone for 0."""
    if every == 0:
        return [0]
    return sorted({*range(0, frames, every), frames - 1})


def signer_box(
    frames: Sequence[np.ndarray], detect: Callable[[np.ndarray], np.ndarray], every: int
) -> np.ndarray | None:
    """Return the signer's box (F, 4) in every frame, on a straight line between two looks; None if nobody is there."""
    looked = looks(len(frames), every)
    found = [detect(frames[frame]) for frame in looked]
    picked = signer_boxes(found, frames[0].shape[1])
    known = [
        (frame, boxes[who])
        for frame, boxes, who in zip(looked, found, picked, strict=True)
        if who is not None
    ]
    if not known:
        return None
    times, boxes = zip(*known, strict=True)
    corners = np.stack(boxes)
    return np.stack([np.interp(range(len(frames)), times, corners[:, side]) for side in range(4)], axis=1)
