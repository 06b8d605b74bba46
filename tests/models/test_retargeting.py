"""Poses moved to another signer: each part by its own scale and shift, the same in all frames."""

from __future__ import annotations

import pytest
import torch

from signvip.contracts import BODY, FACE, KEYPOINTS, LEFT_HAND, RIGHT_HAND
from signvip.models.retargeting import LANDMARKS, PARTS, lacks, retarget, usual_places

HEAD, BODY_PART = PARTS
SHOULDERS = [KEYPOINTS.index(f"{side}_shoulder") for side in ("right", "left")]


def poses_of(frames=5, seed=0):
    """Poses that move: every frame is the first, in which each part is shifted by a little."""
    generator = torch.Generator().manual_seed(seed)
    first = torch.rand(128, 2, generator=generator) * 60 + 20
    moves = torch.rand(frames, 1, 2, generator=generator) * 4
    return torch.cat([first + moves, torch.ones(frames, 128, 1)], dim=-1)


def moved(points, part, scale, shift):
    """The keypoints of a signer whose part is larger, and elsewhere."""
    found = points.clone()
    places = list(part.points)
    found[places, :2] = found[places, :2] * scale + torch.tensor(shift)
    return found


def usual(poses):
    return torch.cat([usual_places(poses)[:, :2], torch.ones(128, 1)], dim=-1)


def test_each_point_belongs_to_one_part_and_a_head_has_all_of_the_face():
    assert sorted([*HEAD.points, *BODY_PART.points]) == list(range(128))
    assert {*range(FACE.start, FACE.stop)} < {*HEAD.points}
    assert {*range(LEFT_HAND.start, RIGHT_HAND.stop), *SHOULDERS, KEYPOINTS.index("neck")} < {
        *BODY_PART.points
    }
    assert KEYPOINTS.index("nose") in HEAD.points and BODY.start == 0
    assert sorted([*HEAD.landmarks, *SHOULDERS]) == LANDMARKS


def test_a_signer_who_stands_as_the_poses_do_changes_nothing():
    poses = poses_of()
    torch.testing.assert_close(retarget(poses, usual(poses)), poses)


@pytest.mark.parametrize("part", PARTS, ids=("head", "body"))
def test_a_part_goes_where_the_signer_has_it_and_the_other_stays(part):
    poses = poses_of()
    found = retarget(poses, moved(usual(poses), part, 1.25, [3.0, -7.0]))
    places, others = list(part.points), [point for point in range(128) if point not in part.points]
    torch.testing.assert_close(found[:, places, :2], poses[:, places, :2] * 1.25 + torch.tensor([3.0, -7.0]))
    torch.testing.assert_close(found[:, others], poses[:, others])
    assert torch.equal(found[..., 2], poses[..., 2])


def test_the_movement_of_a_part_is_scaled_with_it_and_the_same_points_decide_for_all_frames():
    poses = poses_of(frames=7)
    found = retarget(poses, moved(usual(poses), HEAD, 0.5, [0.0, 0.0]))
    nose = KEYPOINTS.index("nose")
    torch.testing.assert_close(found[:, nose].diff(dim=0)[:, :2], poses[:, nose].diff(dim=0)[:, :2] / 2)


def test_what_is_unseen_stays_zero_and_decides_nothing():
    poses = poses_of(frames=1).repeat(5, 1, 1)
    signer = moved(usual(poses), HEAD, 1.1, [2.0, 2.0])
    expected = retarget(poses, signer)
    hidden, eyes = poses.clone(), [KEYPOINTS.index(f"{side}_eye") for side in ("right", "left")]
    hidden[:, eyes] = 0
    hidden[2, HEAD.landmarks[0]] = 0
    signer[HEAD.landmarks[5]] = 0
    found = retarget(hidden, signer)
    assert (found[:, eyes] == 0).all() and (found[2, HEAD.landmarks[0]] == 0).all()
    seen = [point for point in HEAD.points if point not in eyes and point != HEAD.landmarks[0]]
    torch.testing.assert_close(found[:, seen], expected[:, seen])


def test_a_part_that_the_picture_does_not_show_stays_and_is_missed():
    poses = poses_of()
    signer = moved(moved(usual(poses), HEAD, 1.1, [2.0, 2.0]), BODY_PART, 0.9, [5.0, 0.0])
    assert not lacks(signer)
    signer[list(HEAD.landmarks[: len(HEAD.landmarks) // 2 + 1]), :] = 0
    assert lacks(signer)
    found = retarget(poses, signer)
    torch.testing.assert_close(found[:, HEAD.points], poses[:, HEAD.points])
    assert not torch.allclose(found[:, SHOULDERS], poses[:, SHOULDERS])
    nobody = torch.zeros(128, 3)
    assert lacks(nobody) and torch.equal(retarget(poses, nobody), poses)


@pytest.mark.parametrize("scale", [-1.0, 0.2, 5.0])
def test_a_signer_of_impossible_size_moves_nothing(scale):
    poses = poses_of()
    found = retarget(poses, moved(usual(poses), HEAD, scale, [0.0, 0.0]))
    torch.testing.assert_close(found, poses)


def test_the_usual_place_is_the_median_of_the_frames_that_see_a_point():
    points = torch.tensor([[1.0, 10.0, 1.0], [2.0, 30.0, 0.5], [9.0, 20.0, 1.0], [0.0, 0.0, 0.0]])[:, None]
    assert usual_places(points).tolist() == [[2.0, 20.0, 1.0]]
    assert usual_places(points[3:]).tolist() == [[0.0, 0.0, 0.0]]
