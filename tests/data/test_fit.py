"""Cropping and padding move keypoints, hands and depth with the pictures."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest

from signvip.data.fit import fit
from signvip.data.sample import Recipe
from signvip.errors import DataError
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


def mapped(values):
    return replace(spot(56, 24), known={"own": values})


def test_what_nobody_declares_is_refused_and_not_passed_through():
    clip = mapped(np.ones((2, 60, 120, 2), np.float32))
    with pytest.raises(DataError, match=r"how own moves .*declares that, such as moves = ..own.: .map.."):
        fit(clip, (60, 60), "crop")
    assert fit(clip, (60, 120), "crop") is clip


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.float64, np.int32, bool])
@pytest.mark.parametrize("channels", [(), (1,), (2,), (3,)])
@pytest.mark.parametrize("how", ["crop", "pad"])
def test_maps_of_any_type_move_with_the_pictures(kind, channels, how):
    plain = spot(56, 24).frames[..., 0] > 0
    values = np.broadcast_to(plain.reshape(*plain.shape, *[1] * len(channels)), (*plain.shape, *channels))
    high = 1 if kind is bool else 200
    moved = fit(mapped((values * high).astype(kind)), (30, 30), how, {"own": "map"})
    own, frames = moved.known["own"], moved.frames[..., 0]
    assert own.dtype == kind and own.shape == (2, 30, 30, *channels)
    flat = own.reshape(2, 30, 30, -1)[..., -1].astype(float)
    assert np.allclose(flat > high / 2, frames > 127) and flat.max() > high / 2


def test_labels_are_not_blended():
    values = np.full((2, 60, 120), 3, np.int64)
    values[:, :, 60:] = 900
    moved = fit(mapped(values), (25, 35), "crop", {"own": "labels"}).known["own"]
    assert set(np.unique(moved)) == {3, 900} and moved.dtype == np.int64


def test_points_and_what_is_fixed_of_others_move_as_they_say():
    points = np.full((2, 5, 3), 0.25, np.float32)
    moved = fit(mapped(points), (60, 60), "crop", {"own": "points"}).known["own"]
    assert np.allclose(moved[..., 0], 0.0) and np.allclose(moved[..., 1:], 0.25)
    assert fit(mapped(points), (60, 60), "crop", {"own": "fixed"}).known["own"] is points


def test_maps_of_another_size_than_the_pictures_are_a_sentence():
    with pytest.raises(DataError, match="maps of"):
        fit(mapped(np.ones((2, 30, 60))), (60, 60), "crop", {"own": "map"})


class Own:
    """A reader, an estimator or a condition of somebody's own."""

    provides = needs = ("own",)

    def __init__(self, moves=None):
        if moves is not None:
            self.moves = moves

    def load(self, split, clip_id):
        return mapped(np.ones((2, 60, 120), np.float32))

    def __call__(self, clip):
        return {"own": np.ones((2, 60, 120), np.float32)}

    def extract(self, clip):
        return {"own": clip.known["own"]}


@pytest.mark.parametrize("who", ["reader", "estimator", "condition", "nobody"])
def test_whoever_adds_something_declares_how_it_moves(who):
    parts = {
        name: Own({"own": "map"} if name == who else None) for name in ("reader", "estimator", "condition")
    }
    recipe = Recipe(parts["reader"], {"own": parts["condition"]}, (30, 30), 12.0, {"own": parts["estimator"]})
    if who == "nobody":
        with pytest.raises(DataError, match="nothing says how own moves"):
            recipe.make("train", "a")
    else:
        assert np.load(io.BytesIO(recipe.make("train", "a")["own.npz"]))["own"].shape == (2, 30, 30)
