"""Whole clips read from `.pose` files and moved by drawn people, against signers whose every movement is known."""

from __future__ import annotations

import numpy as np
import pytest
from poses import HANDS, holistic, write_pose
from signvip_datasets.lexicon.filmed import NATURAL, face_values, read_filmed, resampled
from signvip_datasets.lexicon.holds import read_letter
from signvip_datasets.lexicon.placing import rest
from signvip_toysign import ToySign

from signvip import DataError

SQUARE = (640, 640)
SQUINT, OPEN, ROUND, YAW = 1, 2, 3, 4


@pytest.fixture(scope="module")
def corpus():
    return ToySign(ToySign.Config(size=(64, 64), fps=25.0))


@pytest.fixture(scope="module")
def clips(corpus):
    return [corpus.load("train", name) for name in corpus.ids("train")[:3]]


def write(path, clip, change=lambda parts: parts):
    write_pose(path, change(holistic(clip, size=SQUARE)), 25.0, SQUARE)
    return path


def test_hands_move_where_they_moved_and_keep_their_shape(tmp_path, clips):
    for clip in clips:
        found = read_filmed(write(tmp_path / "a.pose", clip), 25.0)
        points = clip.known["keypoints"]
        width = np.linalg.norm(points[:, 2, :2] - points[:, 5, :2], axis=-1).mean()
        middle = (points[:, 2] + points[:, 5])[:, None, :2] / 2
        truth = (points[:, [7, 4], :2] - middle) / width
        assert np.abs(found.hands.wrist[..., :2] - truth).max() < 0.02
        hands = clip.known["hands"][..., :3] / width
        length = np.linalg.norm(np.diff(hands[:, :, [0, 9, 10, 11, 12]], axis=2), axis=-1).sum(axis=-1).mean()
        off = (
            found.hands.joints()
            - found.hands.wrist[:, :, None]
            - (hands - hands[:, :, :1]) * NATURAL / length
        )
        assert np.linalg.norm(off, axis=-1).mean() < 0.05


@pytest.mark.parametrize(("column", "least"), [(SQUINT, 0.75), (OPEN, 0.98), (ROUND, 0.9), (YAW, 0.98)])
def test_a_face_does_what_it_did(tmp_path, corpus, clips, column, least):
    agreed = []
    for number, clip in enumerate(clips):
        truth = corpus.motion("train", number).face[:, column]
        if truth.std() > 0.01:
            found = read_filmed(write(tmp_path / "a.pose", clip), 25.0).face[:, column]
            agreed.append(np.corrcoef(found, truth)[0, 1])
            assert 0.5 < found.std() / truth.std() < 1.7
    assert agreed and min(agreed) > least


@pytest.mark.parametrize("fps", [0.0, -5.0, 1e-6, 1e9, float("inf"), float("nan")])
def test_a_rate_that_no_camera_has_is_refused_before_anything_is_made_of_it(tmp_path, clips, fps):
    """At a millionth of a frame a second a clip of a second would become one of months."""
    write_pose(tmp_path / "a.pose", holistic(clips[0], size=SQUARE), fps, SQUARE)
    for read in (lambda path: read_filmed(path, 25.0), read_letter):
        with pytest.raises(DataError, match="does not say how many frames a second it has"):
            read(tmp_path / "a.pose")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_points_that_are_no_numbers_are_unseen_and_cost_no_more_than_themselves(tmp_path, clips, value):
    def spoilt(parts):
        for names in HANDS:
            parts[names][1][3, :, 0] = value
        return parts

    whole, found = (
        read_filmed(write(tmp_path / f"{name}.pose", clips[0], change), 25.0)
        for name, change in (("whole", lambda parts: parts), ("spoilt", spoilt))
    )
    others = [frame for frame in range(len(whole)) if abs(frame - 3) > 2]
    assert np.isfinite(found.hands.wrist).all() and np.isfinite(found.hands.bones).all()
    assert np.allclose(found.hands.wrist[others], whole.hands.wrist[others], atol=0.02)


def test_an_unseen_face_is_at_ease():
    assert not face_values(np.zeros((5, 68, 3))).any()


def test_a_hand_that_is_lost_goes_to_rest_and_comes_back(tmp_path, clips):
    def lose(parts):
        for name in ("RIGHT_HAND_LANDMARKS", "LEFT_HAND_LANDMARKS"):
            parts[name][1][20:60] = 0
        return parts

    hands = read_filmed(write(tmp_path / "a.pose", clips[0], lose), 25.0).hands
    np.testing.assert_allclose(hands.wrist[40], rest().wrist, atol=1e-9)
    steps = np.linalg.norm(np.diff(hands.wrist[15:65], axis=0), axis=-1)
    assert steps.max() < 0.45  # widths of the shoulders a frame: no jump


def test_another_rate_shows_the_same_movement(tmp_path, clips):
    found = read_filmed(write(tmp_path / "a.pose", clips[0]), 25.0)
    slow = resampled(found, 12.5)
    assert len(slow) == round(len(found) / 2)
    np.testing.assert_allclose(slow.hands.wrist[:20], found.hands.wrist[:40:2], atol=1e-9)


def test_a_part_is_cut_by_its_seconds(tmp_path, clips):
    path = write(tmp_path / "a.pose", clips[0])
    whole, part = read_filmed(path, 25.0), read_filmed(path, 25.0, 0.4, 1.2)
    assert len(part) == 20
    np.testing.assert_allclose(part.hands.wrist[..., :2], whole.hands.wrist[10:30, :, :2], atol=0.02)
    with pytest.raises(DataError, match="the clip begins at 60 s"):
        read_filmed(path, 25.0, 60.0, 61.0)
