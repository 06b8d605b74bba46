"""`.pose` files that are written: MediaPipe Holistic's layout, and the same keypoints when they are read again."""

from __future__ import annotations

import numpy as np
import pytest

from signvip.contracts import KEYPOINTS
from signvip.errors import DataError, PluginError
from signvip.estimation import pose_writing
from signvip.estimation.facemesh import IBUG_OF_FACE_MESH
from signvip.estimation.pose_files import read_pose
from signvip.estimation.pose_writing import write_pose


def keypoints(frames=4):
    """Every point at a place of its own, some unseen, the neck between the shoulders."""
    points = np.random.default_rng(0).uniform(0.4, 1, (frames, 128, 3)).astype(np.float32) * (90, 60, 1)
    points[1, 30] = points[2, 90:100] = 0
    points[:, 1, :2], points[:, 1, 2] = points[:, [2, 5], :2].mean(1), points[:, [2, 5], 2].min(1)
    return points.astype(np.float32)


def test_what_is_written_is_read_again(tmp_path):
    points = keypoints()
    write_pose(tmp_path / "a.pose", points, size=(60, 90), fps=12.5)
    stored = read_pose(tmp_path / "a.pose")
    assert (stored.size, stored.fps) == ((60, 90), 12.5)
    found = np.stack([people[0] for people in stored.people])
    wrong = {KEYPOINTS[point] for point in np.argwhere(np.abs(found - points) > 1e-4)[:, 1]}
    assert found.shape == points.shape and not wrong
    assert stored.hands is None  # it tells no depth


def test_others_read_mediapipes_holistic_layout(tmp_path):
    from pose_format import Pose
    from pose_format.utils.generic import detect_known_pose_format, pose_hide_legs, pose_normalization_info

    points = keypoints()
    write_pose(tmp_path / "a.pose", points, size=(60, 90), fps=12.5)
    pose = Pose.read((tmp_path / "a.pose").read_bytes())
    names = {component.name: len(component.points) for component in pose.header.components}
    assert names == {
        "POSE_LANDMARKS": 33, "FACE_LANDMARKS": 468, "LEFT_HAND_LANDMARKS": 21, "RIGHT_HAND_LANDMARKS": 21
    }  # fmt: skip
    assert pose.body.data.shape == (4, 1, 543, 3) and pose.header.num_dims() == 3
    assert detect_known_pose_format(pose) == "holistic"
    pose_normalization_info(pose.header)  # knows its shoulders
    place = pose.header.get_point_index("RIGHT_HAND_LANDMARKS", "PINKY_TIP")
    np.testing.assert_allclose(pose.body.data[0, 0, place, :2], points[0, 127, :2])
    shoulder = pose.header.get_point_index("POSE_LANDMARKS", "LEFT_SHOULDER")
    np.testing.assert_allclose(pose.body.data[0, 0, shoulder, :2], points[0, 5, :2])
    unseen = pose.header.get_point_index("FACE_LANDMARKS", str(IBUG_OF_FACE_MESH[30 - 18]))
    assert pose.body.confidence[1, 0, unseen] == 0 and pose.body.confidence[0, 0, unseen] > 0
    for component in pose.header.components:
        assert len(component.colors) == len(component.limbs) > 0
        assert np.max(component.limbs) < len(component.points)
    pose_hide_legs(pose)


def test_keypoints_of_another_layout_are_refused_and_nothing_is_left(tmp_path):
    with pytest.raises(DataError, match=r"not \(F, 128, 3\)"):
        write_pose(tmp_path / "a.pose", np.zeros((3, 137, 3)), size=(60, 90), fps=12)
    assert not list(tmp_path.iterdir())


def test_without_the_library_a_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(pose_writing, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match=r'pip install "signvip\[pose-format\]"'):
        write_pose(tmp_path / "a.pose", keypoints(), size=(60, 90), fps=12)
