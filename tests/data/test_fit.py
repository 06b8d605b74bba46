"""Cropping and padding move keypoints, hands and depth with the pictures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from signvip.data.fit import fit
from signvip.testing.conditions import example_clip


def spot(x, y, size=(60, 120)):
    """A white spot at pixel x, y of a wide black clip, and the same place as keypoint, hand and depth."""
    frames = np.zeros((2, *size, 3), np.uint8)
    frames[:, y - 4 : y + 4, x - 4 : x + 4] = 255
    keypoints, hands = np.ones((2, 128, 3), np.float32), np.ones((2, 2, 21, 4), np.float32)
    for points in (keypoints, hands):
        points[..., 0], points[..., 1] = x / size[1], y / size[0]
    hands[..., 2] = 0.1
    known = {"keypoints": keypoints, "hands": hands, "depth": frames[..., 0]}
    return replace(example_clip(), frames=frames, known=known)


def brightest(frames):
    ys, xs = np.nonzero(frames[0] > frames[0].max() / 2)
    return (xs.mean() + 0.5) / frames.shape[2], (ys.mean() + 0.5) / frames.shape[1]


@pytest.mark.parametrize("how", ["crop", "pad"])
@pytest.mark.parametrize("size", [(60, 60), (30, 20), (40, 100)])
def test_points_stay_on_what_they_mark(how, size):
    fitted = fit(spot(56, 24), size, how)
    assert fitted.frames.shape == (2, *size, 3) and fitted.known["depth"].shape == (2, *size)
    place = brightest(fitted.frames[..., 0])
    assert place == pytest.approx(brightest(fitted.known["depth"]), abs=1e-6)
    for name in ("keypoints", "hands"):
        x, y = fitted.known[name].reshape(-1, fitted.known[name].shape[-1])[0, :2]
        assert (x * size[1], y * size[0]) == pytest.approx((place[0] * size[1], place[1] * size[0]), abs=0.6)


def test_a_crop_loses_the_sides_and_padding_loses_nothing():
    clip = spot(4, 30)
    assert fit(clip, (60, 60), "crop").frames.max() == 0
    assert fit(clip, (60, 60), "crop").known["keypoints"][0, 0, 0] < 0
    padded = fit(clip, (60, 60), "pad")
    assert padded.frames.max() > 127 and padded.frames[:, :14].max() == 0


def test_depth_in_a_hand_keeps_its_length():
    clip = spot(60, 30)
    assert fit(clip, (60, 60), "crop").known["hands"][0, 0, 0, 2] == pytest.approx(0.2)
    assert fit(clip, (60, 60), "pad").known["hands"][0, 0, 0, 2] == pytest.approx(0.1)


def test_a_clip_of_the_size_is_left_as_it_is():
    clip = spot(60, 30)
    assert fit(clip, (60, 120), "crop") is clip
