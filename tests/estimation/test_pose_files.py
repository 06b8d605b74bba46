"""`.pose` files, written by the library that defines them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import signvip
from signvip import DataError
from signvip.contracts import BODY, FACE, LEFT_HAND, RIGHT_HAND
from signvip.estimation.facemesh import IBUG_OF_FACE_MESH
from signvip.estimation.keypoints import Keypoints
from signvip.estimation.layouts import _OF_BLAZEPOSE
from signvip.estimation.pose_files import _BLAZEPOSE
from signvip.testing import check_estimator

pose_format = pytest.importorskip("pose_format")
WIDE = (90, 160)
HANDS = {"LEFT_HAND_LANDMARKS": LEFT_HAND, "RIGHT_HAND_LANDMARKS": RIGHT_HAND}


@pytest.fixture
def clip(signer):
    frames = np.zeros((len(signer.frames), *WIDE, 3), np.uint8)
    return replace(signer, frames=frames, known={})


def write(path, parts, fps=24.0, size=WIDE, people=1):
    """`parts` maps a component's name to its points' names and (F, n, D + 1) coordinates in pixels, confidence."""
    from pose_format.numpy import NumPyPoseBody
    from pose_format.pose_header import PoseHeader, PoseHeaderComponent, PoseHeaderDimensions

    dims = next(iter(parts.values()))[1].shape[-1] - 1
    components = [
        PoseHeaderComponent(name, list(names), [], [], "XYZC"[:dims] + "C")
        for name, (names, _) in parts.items()
    ]
    header = PoseHeader(0.1, PoseHeaderDimensions(size[1], size[0], size[1]), components)
    everything = np.concatenate([values for _, values in parts.values()], axis=1)[:, None].astype(np.float32)
    everything = np.repeat(everything, people, axis=1)
    body = NumPyPoseBody(fps, np.ma.masked_array(everything[..., :-1]), everything[..., -1])
    with path.open("wb") as file:
        pose_format.Pose(header, body).write(file)


def holistic(signer, body=_BLAZEPOSE, mesh=range(468)):
    """MediaPipe's parts of a signer whose every point is known; z of the hands as a fraction of the width."""
    points, hands = np.array(signer.known["keypoints"]), np.array(signer.known["hands"])
    pixels = np.zeros((len(points), 128, 4))
    pixels[..., [0, 1, 3]] = points * (WIDE[1], WIDE[0], 1)
    whole, face = np.zeros((len(points), 33, 4)), np.zeros((len(points), 478, 4))
    whole[:, [_OF_BLAZEPOSE[point] for point in range(18) if point != 1]] = pixels[
        :, [*range(1), *range(2, 18)]
    ]
    face[:, IBUG_OF_FACE_MESH] = pixels[:, FACE]
    parts = {
        "POSE_LANDMARKS": (body, whole[:, [_BLAZEPOSE.index(name) for name in body]]),
        "FACE_LANDMARKS": ([str(number) for number in mesh], face[:, list(mesh)]),
    }
    for side, (name, part) in enumerate(HANDS.items()):
        pixels[:, part, 2] = hands[:, side, :, 2]
        parts[name] = ([f"{number}" for number in range(21)], pixels[:, part])
    return parts


def build(source, **options):
    return signvip.build("estimator", "keypoints", source=source, **options)


def test_mediapipe_s_points_are_read_with_hands_in_space(tmp_path, clip, signer):
    write(tmp_path / f"{clip.id}.pose", holistic(signer))
    check_estimator(Keypoints, clip, seen=True, source=tmp_path, provides=["keypoints", "hands"])
    found = build(tmp_path, provides=["keypoints", "hands"])(clip)
    truth, hands = np.array(signer.known["keypoints"]), np.array(signer.known["hands"])
    joints = [*range(1), *range(2, 18)]  # toysign's neck is not where MediaPipe's shoulders are
    assert np.allclose(found["keypoints"][:, joints], truth[:, joints], atol=1e-5)
    for part in (FACE, LEFT_HAND, RIGHT_HAND):
        assert np.allclose(found["keypoints"][:, part], truth[:, part], atol=1e-5)
    hands[..., 2] -= hands[:, :, :1, 2]  # from the wrist
    assert np.allclose(found["hands"], hands, atol=1e-5)


def test_points_that_a_reduced_file_leaves_out_are_unseen(tmp_path, clip, signer):
    arms = ["LEFT_SHOULDER", "RIGHT_SHOULDER", "LEFT_ELBOW", "RIGHT_ELBOW", "LEFT_WRIST", "RIGHT_WRIST"]
    write(tmp_path / f"{clip.id}.pose", holistic(signer, arms, sorted(IBUG_OF_FACE_MESH)))
    found = build(tmp_path)(clip)["keypoints"]
    truth = np.array(signer.known["keypoints"])
    assert np.allclose(found[:, 2:8], truth[:, 2:8], atol=1e-5) and np.allclose(
        found[:, FACE], truth[:, FACE], atol=1e-5
    )
    assert not found[:, 8:14].any() and not found[:, 16:18].any()


def test_openpose_s_points_are_read(tmp_path, clip, signer):
    pixels = np.array(signer.known["keypoints"]) * (WIDE[1], WIDE[0], 1)
    body, face = np.zeros((len(pixels), 25, 3)), np.zeros((len(pixels), 70, 3))
    body[:, [*range(8), *range(9, 19)]], face[:, :68] = pixels[:, BODY], pixels[:, FACE]
    parts = {"pose_keypoints_2d": body, "face_keypoints_2d": face}
    parts |= {
        "hand_left_keypoints_2d": pixels[:, LEFT_HAND],
        "hand_right_keypoints_2d": pixels[:, RIGHT_HAND],
    }
    write(
        tmp_path / f"{clip.id}.pose",
        {name: ([str(n) for n in range(values.shape[1])], values) for name, values in parts.items()},
    )
    assert np.allclose(build(tmp_path)(clip)["keypoints"], signer.known["keypoints"], atol=1e-5)


@pytest.mark.parametrize("damage", ["cut short", "no pose", "other parts", "normalised", "cropped"])
def test_what_cannot_be_used_is_a_sentence(tmp_path, clip, signer, damage):
    path, parts = tmp_path / f"{clip.id}.pose", holistic(signer)
    sentences = {
        "cut short": "cut short",
        "no pose": "no .pose file",
        "other parts": "has the parts RIGHT_HAND_LANDMARKS",
        "normalised": "before it was normalised",
        "cropped": "of the uncropped clip",
    }
    if damage == "other parts":
        parts = {"RIGHT_HAND_LANDMARKS": parts["RIGHT_HAND_LANDMARKS"]}
    if damage == "normalised":
        parts = {name: (names, values * (9, 9, 1, 1)) for name, (names, values) in parts.items()}
    write(path, parts, size=(90, 90) if damage == "cropped" else WIDE)
    if damage == "cut short":
        path.write_bytes(path.read_bytes()[:9000])
    if damage == "no pose":
        path.write_bytes(b"not at all")
    with pytest.raises(DataError, match=sentences[damage]):
        build(tmp_path)(clip)
