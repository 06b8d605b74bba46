"""Hands that blend: no bone shrinks, and a fist opens forwards."""

from __future__ import annotations

import numpy as np
import pytest
from signvip_datasets.lexicon.hand_bones import PARENTS, Hands, stacked, turned
from signvip_toysign.hand import forward, handshape
from signvip_toysign.rotations import axes, orientation


def both(shape, point="up", palm="out"):
    right = forward(handshape(shape), axes(orientation(point, palm)), 1.0)
    return Hands.of(np.stack([right, right * (-1, 1, 1)]))


def lengths(joints):
    return np.linalg.norm(joints[..., 1:, :] - joints[..., PARENTS, :], axis=-1)


@pytest.mark.parametrize("shape", ["fist", "flat", "claw", "horns"])
def test_joints_come_back(shape):
    joints = forward(handshape(shape), axes(orientation("side-up", "in")), 0.7)
    joints = np.stack([joints, joints * (-1, 1, 1) + 0.3])
    np.testing.assert_allclose(Hands.of(joints).joints(), joints, atol=1e-12)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_no_bone_shrinks_on_the_way(share):
    start, end = both("fist"), both("five", "across", "in")
    np.testing.assert_allclose(
        lengths(start.blended(end, share).joints()), lengths(start.joints()), rtol=1e-6
    )


def test_both_ends_of_the_way_are_the_poses():
    start, end = both("fist"), both("five", "down", "in")
    np.testing.assert_allclose(start.blended(end, 0.0).joints(), start.joints(), atol=1e-6)
    np.testing.assert_allclose(start.blended(end, 1.0).joints(), end.joints(), atol=1e-6)


def test_a_fist_opens_on_the_side_of_the_palm():
    """Its tips turn by 245 degrees: the short way would be through the back of the hand."""
    start, end = both("fist"), both("flat")
    for share in np.linspace(0, 1, 11):
        tips = start.blended(end, float(share)).joints()[0, [8, 12, 16, 20]]
        assert (tips[:, 2] < 0.02).all(), share  # the palm looks at the viewer, where z is negative


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_half_a_turn_is_a_turn(axis):
    end = -np.eye(3)
    end[axis, axis] = 1
    half = turned(np.eye(3), end, 0.5)
    np.testing.assert_allclose(half @ half.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(half @ half, end, atol=1e-9)


def test_one_side_can_be_another_s():
    one, other = stacked([both("fist")] * 3), both("flat")
    mixed = one.with_side(0, other)
    np.testing.assert_allclose(mixed.joints()[1, 0], other.joints()[0])
    np.testing.assert_allclose(mixed.joints()[:, 1], one.joints()[:, 1])
