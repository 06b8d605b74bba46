"""The signer among several people is the most central and largest, and stays the same."""

from __future__ import annotations

import numpy as np
import pytest

from signvip.estimation import follow, signer_boxes


def moved(points, size, x, y=0.0):
    """The same person smaller, and somewhere else."""
    points = points.copy()
    points[..., :2] = (points[..., :2] - 0.5) * size + (0.5 + x, 0.5 + y)
    return points


def crowd(*people, seed=0):
    """People (F, 128, 3) together, in another order in each frame."""
    rng = np.random.default_rng(seed)
    return [np.stack(there)[rng.permutation(len(there))] for there in zip(*people, strict=True)]


def test_the_larger_of_two_is_followed_whatever_their_order(signers):
    one, other = (np.array(clip.known["keypoints"])[:20] for clip in signers[:2])
    signer, bystander = moved(one, 0.8, -0.2), moved(other, 0.4, 0.3)
    assert np.array_equal(follow(crowd(signer, bystander)), signer)


def test_of_two_as_large_the_more_central_is_followed(signers):
    one = np.array(signers[0].known["keypoints"])[:20]
    middle, aside = moved(one, 0.5, 0.0), moved(one, 0.5, 0.4)
    assert np.array_equal(follow(crowd(middle, aside), aspect=16 / 9), middle)


def test_a_signer_who_is_lost_for_a_while_is_nobody_else(points):
    signer, bystander = moved(points[:20], 0.8, -0.2), moved(points[:20], 0.3, 0.35)
    people = crowd(signer, bystander)
    people[8:14] = [frame[None] for frame in bystander[8:14]]
    found = follow(people)
    assert not found[8:14].any()
    assert np.array_equal(found[:8], signer[:8]) and np.array_equal(found[14:], signer[14:])


def test_somebody_who_walks_by_takes_nothing(points):
    signer = moved(points[:24], 0.6, 0.0)
    walker = np.stack([moved(points[frame], 0.45, x) for frame, x in enumerate(np.linspace(-0.5, 0.5, 24))])
    found = follow(crowd(signer, walker))
    same = (found == signer).all(axis=(1, 2))
    assert same.mean() > 0.9  # when one stands before the other, nobody can tell for a frame


def test_nobody_at_all_is_no_signer():
    assert not follow([np.zeros((0, 128, 3)), np.zeros((2, 128, 3))]).any()
    assert signer_boxes([]) == [] and signer_boxes([np.zeros((0, 4))]) == [None]


def test_a_face_that_is_not_sure_does_not_make_a_person_large(points):
    signer = moved(points[:5], 0.5, 0.0)
    ghost = moved(points[:5], 1.5, 0.0)
    ghost[..., 2] = 0.1
    assert np.array_equal(follow(crowd(signer, ghost)), signer)


@pytest.mark.parametrize("seconds", [1, 5])
def test_boxes_of_any_unit_are_followed(seconds):
    frames = 25 * seconds
    left = np.stack([(100 + np.sin(t / 9) * 20, 200, 260, 380) for t in range(frames)])
    right = np.stack([(700, 150, 1000, 600 + np.sin(t / 5) * 9) for t in range(frames)])
    picked = signer_boxes([np.stack(pair) for pair in zip(left, right, strict=True)], 1280)
    assert picked == [1] * frames
