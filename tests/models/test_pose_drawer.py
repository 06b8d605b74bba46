"""Poses drawn again: the same drawings as a clip's conditions, and the same encoder."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from signvip_toysign.toysign import ToySign

import signvip
from signvip.errors import ConfigError
from signvip.models import ConditionEncoder, PoseDrawer

SIZE = (64, 48)
CONDITIONS = {"pose": {"hands": 0.02}, "hand3d": {}}


class Pictures:
    """A condition that looks at pictures, and says nothing of what it needs."""

    def __init__(self, config):
        pass

    def extract(self, clip):
        return {"frames": clip.frames}

    def draw(self, data, size, frames=None):
        return data["frames"]


@pytest.fixture(scope="module")
def clip():
    return ToySign(ToySign.Config(size=SIZE, train=1)).load("train", "toy-train-00000")


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return ConditionEncoder(channels=[4, 8], gate_channels=4).eval()


@pytest.fixture(scope="module")
def drawer(encoder):
    return PoseDrawer.around(encoder, conditions=CONDITIONS, size=SIZE)


def pixels(keypoints):
    return torch.from_numpy(keypoints * np.float32([SIZE[1], SIZE[0], 1]))


def drawn(clip, hands):
    """What the two conditions draw of a clip, as the encoder reads it."""
    known = {**clip.known, "hands": hands}
    painters = {name: signvip.build("condition", name, **options) for name, options in CONDITIONS.items()}
    pose = painters["pose"].draw({"keypoints": known["keypoints"].astype(np.float16)}, SIZE)
    hand3d = painters["hand3d"].draw({"hands": known["hands"].astype(np.float16)}, SIZE)
    both = torch.from_numpy(np.concatenate([pose, hand3d], -1)).permute(0, 3, 1, 2)
    return both.float() / 127.5 - 1


def test_a_pose_gives_the_embeddings_of_its_drawings_with_flat_hands(clip, encoder, drawer):
    flat = clip.known["hands"].copy()
    flat[..., 2] = 0
    with torch.no_grad():
        expected = encoder(drawn(clip, flat))
    found = drawer.embed(pixels(clip.known["keypoints"]), chunk=5)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_a_point_that_is_unseen_is_not_drawn(clip, drawer):
    points = pixels(clip.known["keypoints"])
    hidden = points.clone()
    hidden[:, 86:] = 0  # both hands
    black = torch.zeros_like(points)
    found, without, nothing = drawer.embed(points), drawer.embed(hidden), drawer.embed(black)
    assert not torch.equal(found, without) and not torch.equal(without, nothing)


def test_a_stored_drawer_draws_the_same(clip, drawer, tmp_path):
    drawer.save_pretrained(tmp_path)
    again = PoseDrawer.from_pretrained(tmp_path).eval()
    points = pixels(clip.known["keypoints"])[:3]
    assert torch.equal(again.embed(points), drawer.embed(points))


def test_conditions_of_more_than_points_are_refused(monkeypatch):
    encoder = ConditionEncoder(channels=[4, 8], gate_channels=4)
    with pytest.raises(ConfigError, match=r"depth needs depth, and no pose has any; .*guided_by=tokens"):
        PoseDrawer.around(encoder, conditions={"pose": {}, "depth": {}}, size=SIZE)
    monkeypatch.setattr("signvip.models.pose_drawer.build", lambda *_, **__: Pictures(None))
    with pytest.raises(ConfigError, match="pose needs pictures"):
        PoseDrawer.around(encoder, conditions={"pose": {}, "depth": {}}, size=SIZE)
