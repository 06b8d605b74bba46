"""Bones keep their length, keypoints sit on what is drawn, depth agrees with what covers what."""

from __future__ import annotations

import numpy as np
import pytest
from signvip_toysign import ToySign, lexicon
from signvip_toysign.draw import render
from signvip_toysign.motion import Manner, neutral, perform
from signvip_toysign.rotations import axes, direction, orientation
from signvip_toysign.signer import make_signer
from signvip_toysign.skeleton import FOREARM, UPPER_ARM, WHOLE, View, keypoints, pose, reach

from signvip.contracts import FACE, LEFT_HAND, RIGHT_HAND

SIZE = 128


@pytest.fixture(scope="module")
def corpus():
    return ToySign(ToySign.Config(size=(SIZE, SIZE)))


@pytest.fixture(scope="module")
def clips(corpus):
    return [corpus.load("train", name) for name in corpus.ids("train")[:4]]


def lengths(points, chain):
    return np.stack(
        [np.linalg.norm(points[..., b, :] - points[..., a, :], axis=-1) for a, b in chain], axis=-1
    )


def test_bones_of_arms_and_hands_keep_their_length(corpus):
    skeleton = pose(corpus.motion("train", 1), make_signer(0, "a"))
    arm = np.stack([skeleton.shoulder, skeleton.elbow, skeleton.wrist], axis=2)
    arms = lengths(arm, [(0, 1), (1, 2)])
    np.testing.assert_allclose(arms / [UPPER_ARM, FOREARM], skeleton.signer.arm, rtol=1e-6)
    bones = [(a, a + 1) for a in range(1, 20) if a % 4] + [(0, a) for a in (1, 5, 9, 13, 17)]
    hands = lengths(skeleton.hands, bones)
    np.testing.assert_allclose(hands, np.broadcast_to(hands[:1, :1], hands.shape), rtol=1e-6)


def test_hands_of_a_clip_keep_their_length_in_the_known_3d(clips):
    hands = clips[0].known["hands"][..., :3]
    palm = np.linalg.norm(hands[:, :, 9] - hands[:, :, 0], axis=-1)
    np.testing.assert_allclose(palm, palm[0, 0], rtol=1e-4)


def test_a_target_out_of_reach_pulls_the_arm_straight():
    elbow, wrist = reach(np.zeros(3), np.array([[2.0, 0.0, 0.0]]), 0.3, 0.2)
    assert 0.49 < wrist[0, 0] < 0.5
    np.testing.assert_allclose(np.linalg.norm(elbow, axis=-1), 0.3)


def test_orientations_look_where_they_say():
    frame = axes(orientation("up-across", "out"))
    np.testing.assert_allclose(frame[:, 1], direction("up-across"), atol=1e-9)
    np.testing.assert_allclose(frame[:, 2], direction("out"), atol=1e-9)
    # A raised right hand that shows its palm has its thumb towards the body's middle.
    np.testing.assert_allclose(axes(orientation("up", "out"))[:, 0], direction("across"), atol=1e-9)


def test_left_is_the_signers_left(clips):
    points = clips[0].known["keypoints"]
    assert (points[:, 5, 0] > points[:, 2, 0]).all()  # shoulders
    assert (points[:, 15, 0] > points[:, 14, 0]).all()  # eyes
    left_eye, right_eye = points[:, FACE][:, 42:48, 0].mean(), points[:, FACE][:, 36:42, 0].mean()
    assert left_eye > right_eye
    np.testing.assert_allclose(points[:, 7], points[:, LEFT_HAND][:, 0], atol=1e-6)
    np.testing.assert_allclose(points[:, 4], points[:, RIGHT_HAND][:, 0], atol=1e-6)
    np.testing.assert_array_equal(points[:, LEFT_HAND, :2], clips[0].known["hands"][:, 0, :, :2])


def test_keypoints_are_in_the_picture_and_legs_are_not(clips):
    for clip in clips:
        points = clip.known["keypoints"]
        assert set(np.flatnonzero((points[..., 2] == 0).all(axis=0))) == {9, 10, 12, 13}
        inside = ((points[..., :2] >= 0) & (points[..., :2] <= 1)).all(axis=-1)
        assert inside.mean() > 0.98


def hue(pixels):
    return pixels / np.maximum(np.linalg.norm(pixels, axis=-1, keepdims=True), 1)


def test_hands_and_nose_are_skin_where_the_keypoints_say(corpus, clips):
    for clip in clips:
        skin = np.array(make_signer(0, clip.signer).skin, float)
        points = clip.known["keypoints"]
        for part in (4, 7, 0, 86 + 9, 107 + 9, 86 + 6, 107 + 6):
            at = np.clip((points[:, part, :2] * SIZE).astype(int), 0, SIZE - 1)
            found = clip.frames[np.arange(len(at)), at[:, 1], at[:, 0]].astype(float)
            alike = (hue(found) * hue(skin)).sum(axis=-1)
            assert np.mean(alike > 0.97) > 0.9, part


def test_what_is_near_is_bright_in_depth(clips):
    for clip in clips:
        depth, points = clip.known["depth"], clip.known["keypoints"]
        hands = clip.known["hands"]
        assert (depth[:, 2, 2] == 0).all()
        chest = depth[:, int(0.60 * SIZE), SIZE // 2]
        assert (chest > 0).all()
        for side, part in ((0, 86 + 9), (1, 107 + 9)):
            at = np.clip((points[:, part, :2] * SIZE).astype(int), 0, SIZE - 1)
            found = depth[np.arange(len(at)), at[:, 1], at[:, 0]].astype(float)
            z = hands[:, side, 9, 2]
            expected = 40 + 215 * (0.22 - z) / 0.84
            # Another part may lie in front, but nothing farther may show where a knuckle is.
            assert np.mean(found > expected - 12) > 0.95


def test_the_nearer_hand_covers_the_farther_one():
    corpus = ToySign(ToySign.Config(size=(SIZE, SIZE)))
    clip = corpus.load("train", "toy-train-00000")
    depth, hands = clip.known["depth"][0], clip.known["hands"][0]
    # At rest the right hand lies on the left: the picture shows the right one where they cross.
    assert hands[1, 0, 2] < hands[0, 0, 2]
    x, y = (hands[1, 9, :2] * SIZE).astype(int)
    assert depth[y, x] >= 40 + 215 * (0.22 - hands[0, 0, 2]) / 0.84


def test_rest_is_symmetric_but_for_depth():
    skeleton = pose(neutral(), make_signer(0, "b"))
    np.testing.assert_allclose(skeleton.wrist[0, 0, :2] * [-1, 1], skeleton.wrist[0, 1, :2], atol=0.02)


@pytest.mark.parametrize("language", ["tsa", "tsb"])
def test_every_sign_moves_at_every_frame_and_none_jumps(language):
    signer = make_signer(0, "c")
    for gloss, sign in lexicon(language).items():
        hands = pose(perform([sign], 12.0, Manner(), None, False), signer).hands
        steps = np.abs(np.diff(hands, axis=0)).max(axis=(1, 2, 3))
        assert (steps[3:-3] > 0.004).all(), gloss
        assert steps.max() < 0.38, gloss


def test_a_view_shows_a_part_of_the_same_picture(corpus):
    """Twice as large about another middle: points move with it, and what is drawn is a part of the larger picture."""
    skeleton, view = pose(corpus.motion("train", 2), make_signer(0, "a")), View(x=-0.125, y=0.375, zoom=2.0)
    whole, part = keypoints(skeleton, (96, 128)), keypoints(skeleton, (96, 128), view)
    seen = whole[0][..., 2] > 0
    middle = np.array([0.5 - 0.125 * 96 / 128, 0.375])
    np.testing.assert_allclose(part[0][seen][:, :2], (whole[0][seen][:, :2] - middle) * 2 + 0.5, atol=1e-5)
    np.testing.assert_allclose(part[1][..., 2], 2 * whole[1][..., 2], rtol=1e-5)
    large, small = render(skeleton, (128, 128), WHOLE)[1], render(skeleton, (64, 64), view)[1]
    corner = large[:, 16:80, 16:80]  # of 128: the middle is at 48, 48
    assert (
        np.abs(corner.astype(int) - small).mean()
        < 1.0
        < np.abs(large[:, :64, :64].astype(int) - small).mean()
    )
