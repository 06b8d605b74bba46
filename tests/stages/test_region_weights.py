"""Loss weights of hands and faces, from the keypoints in the shards to the batch of stage 1."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from image_phase import image_phase
from small import make_shards, small_config

from signvip.config import RegionWeights
from signvip.contracts import FACE, LEFT_HAND, NUM_KEYPOINTS, RIGHT_HAND
from signvip.errors import RunError
from signvip.stages.regions import region_weights

WEIGHTS = {"hands": 4.0, "face": 2.0}


def square(x: float, y: float, side: float) -> np.ndarray:
    """Points in fractions of a frame, around a square; the last two are its corners."""
    corners = np.array([[x, y], [x + side, y + side]])
    return np.concatenate([np.full((66, 2), corners.mean(0)), corners])


def keypoints(**parts: np.ndarray) -> np.ndarray:
    """One frame's points (128, 3); what is not named is not seen."""
    points = np.zeros((NUM_KEYPOINTS, 3))
    for place, given in ((FACE, "face"), (LEFT_HAND, "left"), (RIGHT_HAND, "right")):
        if given in parts:
            count = len(points[place])
            points[place] = np.c_[parts[given][-count:], np.ones(count)]
    return points


def test_boxes_weigh_as_asked_and_a_hand_hides_the_face():
    points = keypoints(face=square(0.25, 0.25, 0.5), left=square(0.25, 0.25, 0.25))
    weights = region_weights(np.stack([points, keypoints()]), (128, 128), RegionWeights(**WEIGHTS))
    assert weights.shape == (2, 128, 128) and weights.dtype == torch.float32
    assert (weights[1] == 1).all()
    # squares of 64 and of 32 pixels, times 1.2 about their centres
    expected = torch.ones(128, 128)
    expected[25:103, 25:103] = 2.0
    expected[28:68, 28:68] = 4.0
    torch.testing.assert_close(weights[0], expected)


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return make_shards(tmp_path_factory.mktemp("regions"), small_config(), train=3, dev=1, test=1)


@pytest.mark.parametrize("cached", [False, True])
def test_a_batch_has_the_weights_of_its_own_frames(shards, cached):
    config = small_config(stage1={"region_weights": WEIGHTS, "image": {"clips": 2, "frames": 3}})
    made = image_phase(config, shards, cached)
    made.train.array = lambda clip, field, picks: torch.zeros(
        len(picks), 4, 16, 16
    )  # as `encode` stores latents
    picked, original = [], made.train.conditions

    def watched(clip, picks=None):
        picked.append((clip, list(picks)))
        return original(clip, picks)

    made.train.conditions = watched
    batch = made.batch(0)
    assert batch["regions"].shape == (2, 3, *config.size)
    own = [pair for pair in picked if len(pair[1]) == 3]
    for (clip, picks), found in zip(own, batch["regions"], strict=True):
        points = made.train.index.load(clip, "pose.npz")["keypoints"][picks]
        expected = region_weights(points, config.size, config.stage1.region_weights)
        assert torch.equal(found, expected)
    assert set(batch["regions"].unique().tolist()) >= {1.0, 4.0}


def test_without_weights_there_are_none_and_nothing_else_changes(shards):
    plain = image_phase(small_config(), shards).batch(0)
    weighed = image_phase(small_config(stage1={"region_weights": WEIGHTS}), shards).batch(0)
    assert "regions" not in plain and set(weighed) - set(plain) == {"regions"}
    assert all(torch.equal(plain[name], weighed[name]) for name in plain)


def test_shards_without_keypoints_are_refused(tmp_path):
    config = small_config(conditions={"hand3d": {}})
    shards = make_shards(tmp_path, config, train=1, dev=1, test=1)
    config = small_config(conditions={"hand3d": {}}, stage1={"region_weights": WEIGHTS})
    with pytest.raises(RunError, match="has no keypoints to find them by"):
        image_phase(config, shards)
