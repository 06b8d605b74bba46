"""What others have extracted: found by the clip's id, read in their layouts, put at the times of the clip's frames."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pytest
from signvip_estimators.resample import resample
from signvip_estimators.stored_keypoints import Keypoints

import signvip
from signvip import DataError
from signvip.contracts import BODY, FACE, LEFT_HAND, RIGHT_HAND
from signvip.testing import check_estimator

WIDE = (90, 160)


@pytest.fixture
def clip(signer):
    """The signer, cut to thirty frames of 160x90."""
    frames = np.zeros((30, *WIDE, 3), np.uint8)
    return replace(signer, id="-a_1", frames=frames, known={}, fps=24.0)


@pytest.fixture
def truth(signer):
    return np.array(signer.known["keypoints"][:30])


def to_openpose(points):
    """(..., 128, 3) as OpenPose's 137 in pixels; the points that it alone has are made up."""
    pixels = points * (WIDE[1], WIDE[0], 1)
    body = np.zeros((*points.shape[:-2], 25, 3))
    body[..., [*range(8), *range(9, 19)], :] = pixels[..., BODY, :]
    pupils = np.zeros((*points.shape[:-2], 2, 3))
    return np.concatenate(
        [body, pixels[..., FACE, :], pupils, pixels[..., LEFT_HAND, :], pixels[..., RIGHT_HAND, :]], -2
    )


def write_openpose(folder, people):
    """One JSON a frame of people (F, P, 137, 3), as OpenPose names and lays them out."""
    folder.mkdir(parents=True)
    parts = {
        "pose": slice(0, 25),
        "face": slice(25, 95),
        "hand_left": slice(95, 116),
        "hand_right": slice(116, 137),
    }
    for number, there in enumerate(people):
        rows = [
            {f"{name}_keypoints_2d": one[part].ravel().tolist() for name, part in parts.items()}
            for one in there
        ]
        name = f"{folder.name}_{number:012d}_keypoints.json"
        (folder / name).write_text(json.dumps({"version": 1.3, "people": rows}))


def build(source, **options):
    return signvip.build("estimator", "keypoints", source=source, **options)


def test_a_folder_of_openpose_is_read_and_the_signer_followed(tmp_path, clip, truth):
    small = truth * (0.3, 0.3, 1) + (0.68, 0.5, 0)
    write_openpose(tmp_path / clip.id, np.stack([to_openpose(small), to_openpose(truth)], axis=1))
    check_estimator(Keypoints, clip, seen=True, source=tmp_path)
    assert np.allclose(build(tmp_path)(clip)["keypoints"], truth, atol=1e-6)


def test_frames_that_openpose_left_out_are_bridged(tmp_path, clip, truth):
    write_openpose(tmp_path / clip.id, to_openpose(truth)[:, None])
    for number in (10, 11):
        (tmp_path / clip.id / f"{clip.id}_{number:012d}_keypoints.json").unlink()
    found = build(tmp_path)(clip)["keypoints"]
    assert np.allclose(np.delete(found, (10, 11), axis=0), np.delete(truth, (10, 11), axis=0), atol=1e-6)
    assert (found[10:12, 0, 2] == 1).all()
    assert not build(tmp_path, gap=0)(clip)["keypoints"][10:12].any()


@pytest.mark.parametrize("layout", ["ours", "openpose in pixels", "scores apart"])
def test_an_npz_is_read(tmp_path, clip, truth, layout):
    arrays = {"keypoints": truth}
    if layout == "openpose in pixels":
        arrays = {"keypoints": to_openpose(truth), "size": np.array(WIDE)}
    if layout == "scores apart":
        arrays = {"keypoints": truth[:, None, :, :2], "scores": truth[:, None, :, 2]}
    np.savez(tmp_path / f"{clip.id}.npz", **arrays)
    assert np.allclose(build(tmp_path)(clip)["keypoints"], truth, atol=1e-6)


def test_hands_in_space_are_read_where_they_are_stored(tmp_path, clip, signer, truth):
    np.savez(tmp_path / f"{clip.id}.npz", keypoints=truth, hands=signer.known["hands"][:30])
    check_estimator(Keypoints, clip, seen=True, source=tmp_path, provides=["keypoints", "hands"])
    found = build(tmp_path, provides=["keypoints", "hands"])(clip)
    assert np.allclose(found["hands"], signer.known["hands"][:30], atol=1e-6)


def test_another_rate_is_resampled_by_time_and_told(tmp_path, clip, truth, caplog):
    caplog.set_level(logging.INFO)
    np.savez(tmp_path / f"{clip.id}.npz", keypoints=truth, fps=24.0)
    half = replace(clip, frames=clip.frames[::2], fps=12.0)
    assert np.allclose(build(tmp_path)(half)["keypoints"], truth[::2], atol=1e-6)
    assert "30 stored frames at 24 a second, resampled to 15 at 12" in caplog.text


def test_times_between_two_stored_frames_lie_between_them():
    line = np.zeros((12, 1, 3), np.float32)
    line[:, 0, 0], line[:, 0, 2] = np.arange(12) / 12, 1
    found = resample(line, 12, 30, 30)
    assert np.allclose(found[:28, 0, 0], np.arange(28) / 30, atol=1e-6)
    line[6] = 0  # lost: its neighbours stand for times nearer to them
    found = resample(line, 12, 24, 24)
    assert not found[12].any() and np.allclose(found[11, 0], line[5, 0]) and found[10, 0, 2] == 1


def test_points_of_another_clip_are_refused(tmp_path, clip, truth):
    np.savez(tmp_path / f"{clip.id}.npz", keypoints=np.concatenate([truth] * 3), fps=24.0)
    with pytest.raises(DataError, match=r"last 3.75 s \(90 frames at 24 a second\) and the clip 1.25 s"):
        build(tmp_path)(clip)
    np.savez(tmp_path / f"{clip.id}.npz", keypoints=np.concatenate([truth] * 9))
    with pytest.raises(DataError, match=r"estimator\.keypoints\.fps"):
        build(tmp_path)(clip)


def test_whole_numbers_stand_for_rates_beside_them(tmp_path, clip, truth):
    """Old `.pose` files keep 29 of 29.97: over a minute that would be two seconds."""
    np.savez(tmp_path / f"{clip.id}.npz", keypoints=truth, fps=29.0)
    other = replace(clip, frames=clip.frames[:15], fps=29.97 / 2)
    assert np.allclose(build(tmp_path)(other)["keypoints"], truth[::2], atol=1e-6)


def test_pixels_of_unknown_pictures_are_those_of_the_clip_unless_they_cannot_be(tmp_path, clip, truth):
    write_openpose(tmp_path / clip.id, to_openpose(truth)[:, None] * (4, 4, 1))
    with pytest.raises(DataError, match=r"estimator\.keypoints\.size"):
        build(tmp_path)(clip)
    assert np.allclose(build(tmp_path, size=(360, 640))(clip)["keypoints"], truth, atol=1e-6)
    with pytest.raises(DataError, match="uncropped"):
        build(tmp_path, size=(360, 360))(clip)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "there are no keypoints"),
        (b"PK but no more", "damaged"),
        ({"points": np.zeros(3)}, "no array 'keypoints'"),
        ({"keypoints": np.zeros((30, 77, 3))}, "shape"),
        ({"keypoints": np.zeros((30, 128, 3))}, "shows nobody"),
        ({"keypoints": np.zeros((30, 128, 3)), "hands": np.zeros((2, 21, 4))}, "hands of shape"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(tmp_path, clip, content, sentence):
    path = tmp_path / f"{clip.id}.npz"
    if isinstance(content, dict):
        np.savez(path, **content)
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=sentence):
        build(tmp_path)(clip)


def test_hands_that_are_asked_for_and_not_there_are_a_sentence(tmp_path, clip, truth):
    np.savez(tmp_path / f"{clip.id}.npz", keypoints=truth)
    with pytest.raises(DataError, match="has no 3D hands"):
        build(tmp_path, provides=["keypoints", "hands"])(clip)


@pytest.mark.parametrize("damage", ["no json", "{}", '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}'])
def test_a_damaged_frame_of_openpose_is_named(tmp_path, clip, truth, damage):
    write_openpose(tmp_path / clip.id, to_openpose(truth)[:, None])
    (tmp_path / clip.id / f"{clip.id}_000000000007_keypoints.json").write_text(damage)
    with pytest.raises(DataError, match=r"000000000007_keypoints\.json is not OpenPose's output"):
        build(tmp_path)(clip)
