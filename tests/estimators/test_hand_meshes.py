"""Hands of other extractors, from camera space into the picture, and their surface as it is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from signvip_estimators.hand_meshes import Meshes

import signvip
from signvip import DataError
from signvip.testing import check_condition, check_estimator

SIZE, FOCAL = (90, 160), 200.0


def ball(radius=0.05, rows=12):
    """Vertices (V, 3) about the origin and triangles (T, 3) of a ball."""
    angles = np.linspace(0, np.pi, rows), np.linspace(0, 2 * np.pi, 2 * rows)
    polar, around = np.meshgrid(*angles, indexing="ij")
    xyz = np.stack([np.sin(polar) * np.cos(around), np.cos(polar), np.sin(polar) * np.sin(around)], axis=-1)
    number = np.arange(polar.size).reshape(polar.shape)
    a, b, c, d = number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return radius * xyz.reshape(-1, 3), faces


@pytest.fixture
def clip(signer):
    return replace(signer, frames=np.zeros((24, *SIZE, 3), np.uint8), known={}, fps=24.0)


@pytest.fixture
def stored():
    """Two balls that hang a metre before the camera, and joints inside them."""
    vertices, faces = ball()
    places = np.array([[0.15, 0.0, 1.0], [-0.15, 0.05, 1.0]])
    joints = np.linspace(-0.03, 0.03, 21)[:, None] * (1, 1, 0)
    joints -= joints[0]
    return {
        "vertices": np.float32(np.broadcast_to(places[:, None] + vertices, (24, 2, len(vertices), 3))),
        "joints": np.float32(np.broadcast_to(places[:, None] + joints, (24, 2, 21, 3))),
        "faces": faces,
        "seen": np.ones((24, 2), bool),
        "focal": np.array(FOCAL),
        "size": np.array(SIZE),
    }


def run(folder, clip, stored, **options):
    np.savez(folder / f"{clip.id}.npz", **stored)
    return signvip.build("estimator", "meshes", source=folder, **options)(clip)


def draw(clip, found, size=SIZE):
    condition = signvip.build("condition", "hand3d")
    return condition.draw(condition.extract(replace(clip, known=found)), size, [0])[0].astype(int)


def test_it_keeps_the_contract_of_an_estimator(tmp_path, clip, stored):
    run(tmp_path, clip, stored)
    check_estimator(Meshes, clip, seen=True, source=tmp_path)


def test_wrists_are_where_the_camera_has_them(tmp_path, clip, stored):
    hands = run(tmp_path, clip, stored)["hands"]
    left = (80 + 0.15 * FOCAL) / 160, 45 / 90
    right = (80 - 0.15 * FOCAL) / 160, (45 + 0.05 * FOCAL) / 90
    assert np.allclose(hands[:, :, 0, :2], (left, right), atol=1e-6)
    assert np.allclose(hands[..., 2], 0, atol=1e-6) and (hands[..., 3] == 1).all()


def test_z_is_in_widths_of_the_picture_at_the_wrist(tmp_path, clip, stored):
    stored["vertices"][:, 0, 0] = stored["joints"][:, 0, 0] + (0, 0, 0.08)
    stored["joints"][:, 1, :, 2] += 0.1
    stored["vertices"][:, 1, :, 2] += 0.1
    stored["seen"][:12, 1] = False  # so that the usual wrist is the left one
    found = run(tmp_path, clip, stored)
    assert np.allclose(found["meshes"][:, 0, 0, 2], 0.08 * FOCAL / 160, atol=1e-5)
    assert np.allclose(found["hands"][12:, 1, 0, 2], 0.1 / (1.1 * 160 / FOCAL), atol=1e-5)


def test_a_camera_that_is_far_off_moves_no_hand_farther_than_an_arm(tmp_path, clip, stored):
    stored["joints"][:, 1] *= 9
    stored["vertices"][:, 1] *= 9
    found = run(tmp_path, clip, stored)["hands"]
    assert np.allclose(np.abs(found[:, :, 0, 2]).max(axis=1), 0.3)


def test_short_gaps_are_bridged_and_long_ones_stay(tmp_path, clip, stored):
    stored["seen"][4:7, 0] = False
    stored["seen"][4:16, 1] = False
    found = run(tmp_path, clip, stored)
    assert (found["meshes"][:, 0, :, 3] == 1).all() and not found["meshes"][4:16, 1].any()


def test_a_mesh_is_drawn_as_a_shaded_round_surface(tmp_path, clip, stored):
    stored["seen"][:, 0] = False
    found = run(tmp_path, clip, stored)
    drawn = draw(clip, found, (180, 320))
    y, x = np.nonzero(drawn.max(axis=-1) > 0)
    centre, radius = (100, 110), 0.05 * FOCAL * 2  # in pixels of the picture, which is twice as large
    assert np.abs(np.hypot(x - centre[0], y - centre[1]).max() - radius) < 1.5
    assert abs(len(x) / (np.pi * radius**2) - 1) < 0.1  # no holes
    assert drawn[110, 100].sum() > 1.5 * drawn[110, 100 + int(0.9 * radius)].sum()  # the rim looks away


def test_the_nearer_mesh_hides_the_farther(tmp_path, clip, stored):
    for name in ("joints", "vertices"):
        stored[name][:, 0] -= (0.15, 0, 0.1)
        stored[name][:, 1] -= (-0.15, 0.05, 0)
    warm = draw(clip, run(tmp_path, clip, stored))
    for name in ("joints", "vertices"):
        stored[name][:, 0] += (0, 0, 0.2)
    cool = draw(clip, run(tmp_path, clip, stored))
    assert warm[45, 80, 0] > warm[45, 80, 2] and cool[45, 80, 2] > cool[45, 80, 0]


def test_what_is_drawn_can_be_stored(tmp_path, clip, stored):
    check_condition(
        signvip.registry.registry().get("condition", "hand3d"),
        replace(clip, known=run(tmp_path, clip, stored)),
    )


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"faces": None}, "lacks faces"),
        ({"seen": np.ones((24, 1), bool)}, r"seen has shape \(24, 1\)"),
        ({"faces": np.array([[0, 1, 99999]])}, "vertices that are not there"),
        ({"size": np.array([90, 90])}, "uncropped"),
        ({"seen": np.zeros((24, 2), bool)}, "no hand in it"),
        ({"joints": np.zeros((24, 2, 21, 3), np.float32)}, "behind the camera"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(tmp_path, clip, stored, change, sentence):
    changed = {name: values for name, values in {**stored, **change}.items() if values is not None}
    with pytest.raises(DataError, match=sentence):
        run(tmp_path, clip, changed)


def test_a_missing_or_damaged_file_is_a_sentence(tmp_path, clip):
    estimator = signvip.build("estimator", "meshes", source=tmp_path)
    with pytest.raises(DataError, match="there is no file of hands"):
        estimator(clip)
    (tmp_path / f"{clip.id}.npz").write_bytes(b"PK no more")
    with pytest.raises(DataError, match="damaged"):
        estimator(clip)
