"""Releases of MediaPipe without models, and a `holistic_landmarker.task`: $SIGNVIP_TASK names it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import clip, share_with_a_hand

from signvip import DataError, PluginError, build
from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.estimation.tidy import Coverage
from signvip.testing import check_estimator
from signvip_mediapipe.estimator import Mediapipe
from signvip_mediapipe.models import in_wheel

TASK = os.environ.get("SIGNVIP_TASK")
with_task = pytest.mark.skipif(TASK is None or in_wheel(), reason="set SIGNVIP_TASK, for MediaPipe 1.2")


@with_task
def test_it_keeps_the_contract_of_an_estimator(astronaut):
    check_estimator(Mediapipe, clip(np.repeat(astronaut[None], 4, 0)), task=TASK)
    check_estimator(Mediapipe, task=TASK)


@with_task
def test_points_of_the_body_lie_where_they_are_seen_in_the_picture(astronaut):
    found = build("estimator", "mediapipe", task=TASK)(clip(np.repeat(astronaut[None], 3, 0)))
    pixels = found["keypoints"][-1, :, :2] * 512
    for point, seen in ((pixels[14], (205, 103)), (pixels[15], (247, 103)), (pixels[0], (224, 122))):
        assert np.hypot(*(point - seen)) < 14
    assert not found["keypoints"][:, [*range(86, 128)], 2].any() and not found["hands"].any()


@with_task
def test_real_signers_are_found(clips):
    estimator = build("estimator", "mediapipe", task=TASK)
    found = [estimator(one) for one in clips]
    counted = [Coverage.of(one["keypoints"]) for one in found]
    assert sum(one.pose for one in counted) >= 0.95 * sum(one.frames for one in counted)
    assert share_with_a_hand(found) >= 0.8


@with_task
def test_hands_are_the_same_in_the_plane_and_in_space(clips):
    found = build("estimator", "mediapipe", task=TASK)(clips[0])
    for side, part in enumerate((LEFT_HAND, RIGHT_HAND)):
        assert np.array_equal(found["hands"][:, side, :, :2], found["keypoints"][:, part, :2])


@with_task
def test_a_file_that_is_none_is_a_sentence(tmp_path, astronaut):
    one = clip(np.repeat(astronaut[None], 2, 0))
    with pytest.raises(DataError, match="there is no"):
        build("estimator", "mediapipe", task=tmp_path / "none.task")(one)
    (tmp_path / "torn.task").write_bytes(b"torn")
    with pytest.raises(DataError, match="not a Holistic that this MediaPipe can run"):
        build("estimator", "mediapipe", task=tmp_path / "torn.task")(one)


@pytest.mark.skipif(in_wheel(), reason="this MediaPipe has models")
def test_without_a_file_the_way_to_one_is_told(astronaut):
    with pytest.raises(PluginError, match=r"estimator\.mediapipe\.task=PATH"):
        build("estimator", "mediapipe")(clip(np.repeat(astronaut[None], 2, 0)))


@pytest.mark.skipif(not in_wheel(), reason="this MediaPipe has none")
def test_a_release_that_would_die_of_a_file_refuses_it(tmp_path, astronaut):
    path = Path(tmp_path / "holistic.task")
    path.write_bytes(b"whatever")
    with pytest.raises(PluginError, match=r"mediapipe>=1\.2"):
        build("estimator", "mediapipe", task=path)(clip(np.repeat(astronaut[None], 2, 0)))
