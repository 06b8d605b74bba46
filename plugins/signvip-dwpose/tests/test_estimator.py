"""DWPose's way from a frame to our points, with networks of a few nodes in the place of its own."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from networks import write_detector, write_pose

from signvip import Clip, DataError, build
from signvip.testing import check_estimator
from signvip_dwpose.boxes import looks, signer_box
from signvip_dwpose.estimator import DWPose

SIDE = 240, 320  # of the frames; the detector's pictures are 64x64, so its boxes are a fifth


@pytest.fixture
def folder(tmp_path):
    """Networks that see one large person in the middle and a small one aside."""
    write_detector(tmp_path / "det.onnx", [(50, 20, 58, 40, 0.9), (16, 4, 44, 46, 0.8)])
    write_pose(tmp_path / "pose.onnx")
    return tmp_path


def options(folder, **more):
    return {"source": str(folder), "detector": "det.onnx", "pose": "pose.onnx", **more}


@pytest.fixture
def clip():
    """A red spot that walks over grey, and a blue one that does not count."""
    frames = np.full((20, *SIDE, 3), 90, np.uint8)
    for t, frame in enumerate(frames):
        frame[60:65, 100:105] = (0, 0, 255)
        frame[100 + t - 2 : 100 + t + 3, 120 + 3 * t - 2 : 120 + 3 * t + 3] = (255, 0, 0)
    return Clip("spot", frames, 12.0, "hello")


def test_it_keeps_the_contract_of_an_estimator(folder, clip):
    check_estimator(DWPose, clip, seen=True, **options(folder))


def test_a_point_is_where_it_is_in_the_frame(folder, clip):
    found = build("estimator", "dwpose", **options(folder))(clip)["keypoints"]
    truth = np.stack([120 + 3 * np.arange(20), 100 + np.arange(20)], axis=-1)
    off = found[:, :, :2] * (SIDE[1], SIDE[0]) - truth[:, None]
    assert np.abs(off).max() < 4  # the spot is 5 pixels wide
    assert (found[..., 2] > 0.3).all()


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_the_size_of_a_batch_changes_nothing(folder, clip, batch):
    found = build("estimator", "dwpose", **options(folder, batch=batch))(clip)["keypoints"]
    assert np.array_equal(found, build("estimator", "dwpose", **options(folder))(clip)["keypoints"])


def test_a_network_for_one_picture_at_a_time_finds_the_same(folder, clip):
    expected = build("estimator", "dwpose", **options(folder))(clip)["keypoints"]
    write_pose(folder / "one.onnx", batch=1)
    found = build("estimator", "dwpose", **options(folder, pose="one.onnx"))(clip)["keypoints"]
    assert np.array_equal(found, expected)


def test_people_are_looked_for_now_and_then():
    assert looks(30, 12) == [0, 12, 24, 29] and looks(30, 0) == [0] and looks(1, 5) == [0]


def test_between_two_looks_the_box_moves_on_a_straight_line(clip):
    seen = []

    def detect(frame):
        seen.append(len(seen))
        return np.float32([(0, 0, 20, 20), (60 + 4 * len(seen), 40, 260 + 4 * len(seen), 200)])

    boxes = signer_box(list(clip.frames), detect, every=10)
    assert len(seen) == 3 and boxes.shape == (20, 4)
    assert boxes[0].tolist() == [64, 40, 264, 200] and np.allclose(boxes[5], [66, 40, 266, 200])


def test_a_frame_in_which_the_signer_is_lost_takes_the_box_of_the_others(clip):
    found = iter([np.float32([(60, 40, 260, 200)]), np.zeros((0, 4)), np.float32([(80, 40, 280, 200)])])
    boxes = signer_box(list(clip.frames), lambda frame: next(found), every=10)
    assert np.allclose(boxes[10], (60 + 20 * 10 / 19, 40, 260 + 20 * 10 / 19, 200))


def test_a_clip_with_nobody_is_a_sentence(folder, clip):
    write_detector(folder / "det.onnx", [(0, 0, 1, 1, 0.01)])
    with pytest.raises(DataError, match="sees nobody"):
        build("estimator", "dwpose", **options(folder))(clip)


def test_weights_are_fingerprinted_and_missing_ones_a_sentence(folder, clip):
    first = build("estimator", "dwpose", **options(folder)).weights
    write_pose(folder / "other.onnx", batch=1)
    assert first != build("estimator", "dwpose", **options(folder, pose="other.onnx")).weights
    with pytest.raises(DataError, match=r"has no file none\.onnx"):
        _ = build("estimator", "dwpose", **options(folder, pose="none.onnx")).weights
    (folder / "torn.onnx").write_bytes(b"torn")
    with pytest.raises(DataError, match=r"torn\.onnx is not a network"):
        build("estimator", "dwpose", **options(folder, pose="torn.onnx"))(clip)


def test_what_it_costs_is_told_and_standard_output_stays_clean(folder, clip, caplog, capfd):
    caplog.set_level(logging.INFO)
    build("estimator", "dwpose", **options(folder))(clip)
    assert "frames a second; a person in 100 %" in caplog.text and capfd.readouterr().out == ""
