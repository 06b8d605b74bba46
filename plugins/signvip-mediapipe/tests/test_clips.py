"""Clips of real signers, in the folder $SIGNVIP_CLIPS: the numbers that docs/how-to/estimators.md promises."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import clip, share_with_a_hand

from signvip import build
from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.estimation.tidy import Coverage, hand_seen
from signvip_mediapipe.models import in_wheel

pytestmark = pytest.mark.skipif(not in_wheel(), reason="this MediaPipe has no models; test_task.py tries it")


@pytest.fixture(scope="module")
def found(clips):
    estimator = build("estimator", "mediapipe")
    return [estimator(one) for one in clips]


def test_nearly_every_frame_has_a_person(found):
    counted = [Coverage.of(one["keypoints"]) for one in found]
    assert sum(one.pose for one in counted) >= 0.95 * sum(one.frames for one in counted)


def test_most_frames_with_a_wrist_in_the_picture_have_a_hand(found):
    assert share_with_a_hand(found) >= 0.8


def test_hands_hang_on_their_own_wrists(found):
    """Over all clips the left hand is nearer to the left wrist than to the right one, and the other way round."""
    points = np.concatenate([one["keypoints"] for one in found])
    own, other = [], []
    for part, wrist, opposite in ((LEFT_HAND, 7, 4), (RIGHT_HAND, 4, 7)):
        there = hand_seen(points[:, part])
        root = points[there, part.start, :2]
        own.append(np.hypot(*(root - points[there, wrist, :2]).T))
        other.append(np.hypot(*(root - points[there, opposite, :2]).T))
    assert (np.concatenate(own) <= np.concatenate(other)).mean() > 0.95


def test_beside_a_smaller_person_the_signer_is_found_as_alone(clips):
    signer, neighbour = (one.frames[:24] for one in (clips[0], clips[-1]))
    signer = signer[: len(neighbour)]
    half = neighbour[: len(signer), ::2, ::2]
    beside = np.zeros((len(signer), signer.shape[1], half.shape[2], 3), np.uint8)
    beside[:, -half.shape[1] :] = half[:, :, :]
    together = np.concatenate([signer, beside], axis=2)
    estimator = build("estimator", "mediapipe")
    alone = estimator(clip(signer))["keypoints"]
    found = estimator(clip(together))["keypoints"]
    found[..., 0] *= together.shape[2] / signer.shape[2]
    shoulders = found[:, [2, 5], :2] - alone[:, [2, 5], :2]
    assert np.median(np.hypot(shoulders[..., 0], shoulders[..., 1])) < 0.03
