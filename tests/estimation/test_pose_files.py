"""`.pose` files, written by the library that defines them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from poses import HANDS, WIDE, holistic
from poses import write_pose as write
from signvip_estimators.stored_keypoints import Keypoints

import signvip
from signvip import DataError
from signvip.contracts import BODY, FACE, LEFT_HAND, RIGHT_HAND
from signvip.estimation.facemesh import IBUG_OF_FACE_MESH
from signvip.estimation.pose_files import BLAZEPOSE
from signvip.testing import check_estimator

pose_format = pytest.importorskip("pose_format")


@pytest.fixture
def clip(signer):
    frames = np.zeros((len(signer.frames), *WIDE, 3), np.uint8)
    return replace(signer, frames=frames, known={})


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


@pytest.mark.parametrize("version", [0.0, 0.1, 0.2])
def test_every_version_is_read(tmp_path, clip, signer, version):
    write(tmp_path / f"{clip.id}.pose", holistic(signer), version=version)
    found = build(tmp_path)(clip)["keypoints"]
    assert np.allclose(found[:, FACE], signer.known["keypoints"][:, FACE], atol=1e-5)
    assert np.allclose(found[:, RIGHT_HAND], signer.known["keypoints"][:, RIGHT_HAND], atol=1e-5)


@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_z_is_fitted_where_x_and_y_were_scaled_without_it(tmp_path, clip, signer, scale):
    """As in the lexica of sign.mt, whose signers were all brought to the same shoulders."""
    parts = holistic(signer)
    for name in HANDS:
        parts[name][1][..., 2] *= scale
    write(tmp_path / f"{clip.id}.pose", parts)
    found = build(tmp_path, provides=["keypoints", "hands"])(clip)["hands"]
    truth = np.array(signer.known["hands"])
    truth[..., 2] -= truth[:, :, :1, 2]
    slope = (found[..., 2] * truth[..., 2]).sum() / (truth[..., 2] ** 2).sum()
    assert abs(slope - 1) < 0.25  # the square signer was stretched to a wide picture, and so were the hands


def test_legs_lie_where_they_like_and_points_in_metres_are_left_out(tmp_path, clip, signer):
    parts = holistic(signer)
    parts["POSE_LANDMARKS"][1][:, 23:] = (400, 900, 0, 0.9)  # a picture of 160x90 that ends at the chest
    parts["POSE_WORLD_LANDMARKS"] = (BLAZEPOSE, np.full((len(signer.frames), 33, 4), -0.7))
    write(tmp_path / f"{clip.id}.pose", parts)
    found = build(tmp_path)(clip)["keypoints"]
    assert np.allclose(found[:, 2:8], signer.known["keypoints"][:, 2:8], atol=1e-5)


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


@pytest.mark.parametrize(
    "damage",
    ["cut short", "cut short of 0.1", "no pose", "other parts", "normalised", "about the neck", "fractions",
     "unit pictures", "cropped", "no hands", "fps 0", "one frame"],
)  # fmt: skip
def test_what_cannot_be_used_is_a_sentence(tmp_path, clip, signer, damage):
    path, parts = tmp_path / f"{clip.id}.pose", holistic(signer)
    sentences = {
        "cut short": "cut short",
        "no pose": "not a .pose file",
        "other parts": "has the parts RIGHT_HAND_LANDMARKS",
        "normalised": "before it was normalised",
        "about the neck": "before it was normalised",
        "fractions": "in fractions of its pictures of 160x90",
        "unit pictures": "have 1x1 pixels",
        "cropped": "of the uncropped clip",
        "cut short of 0.1": "cut short .* frames are missing",
        "no hands": "shows no hands",
        "fps 0": r"0 frames a second; .* estimator\.keypoints\.fps",
        "one frame": "holds 1 frames",
    }
    options = {"size": {"cropped": (90, 90), "unit pictures": (1, 1)}.get(damage, WIDE)}
    if damage == "fps 0":
        options["fps"] = 0.0
    if damage == "one frame":
        parts = {name: (names, values[:1]) for name, (names, values) in parts.items()}
    if damage == "no hands":
        parts = {name: part for name, part in parts.items() if name not in HANDS}
    if damage == "cut short of 0.1":
        options["version"] = 0.1
    if damage == "fractions":
        parts = {name: (names, values / (*WIDE[::-1], 1, 1)) for name, (names, values) in parts.items()}
    if damage == "about the neck":  # as pose-format normalises: the shoulders are 1 wide, their middle is 0
        neck = parts["POSE_LANDMARKS"][1][:, 11:13].mean(axis=1, keepdims=True) * (1, 1, 0, 0)
        parts = {n: (names, (values - neck) / (40, 40, 1, 1)) for n, (names, values) in parts.items()}
    if damage == "other parts":
        parts = {"RIGHT_HAND_LANDMARKS": parts["RIGHT_HAND_LANDMARKS"]}
    if damage == "normalised":
        parts = {name: (names, values * (9, 9, 1, 1)) for name, (names, values) in parts.items()}
    write(path, parts, **options)
    if damage.startswith("cut short"):
        path.write_bytes(path.read_bytes()[:-20000])
    if damage == "no pose":
        path.write_bytes(b"not at all")
    with pytest.raises(DataError, match=sentences[damage]):
        build(tmp_path)(clip)
