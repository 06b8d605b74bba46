"""Frames that count: those that differ from the reference picture by more than 1/255 on average."""

from __future__ import annotations

import numpy as np

from signvip.data.baseline import counting, still


def test_the_border_lies_at_one_of_255_on_average():
    reference = np.full((4, 4, 3), 100, np.uint8)
    frames = np.repeat(reference[None], 4, axis=0)
    frames[1] += 1  # exactly 1/255 everywhere, in the direction in which bytes do not wrap around
    frames[2] -= 1
    frames[3, 0, 0, 0] += 49  # 49 of 48 values: just above
    assert counting(frames, reference).tolist() == [False, False, False, True]


def test_a_still_is_the_reference_for_the_length_of_a_clip():
    reference = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    assert still(reference, 5).shape == (5, 4, 6, 3) and (still(reference, 5) == reference).all()
