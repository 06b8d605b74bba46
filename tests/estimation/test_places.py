"""Points that can be those of a picture, and points that cannot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from poses import letter_hand

from signvip import DataError
from signvip.contracts import FACE, LEFT_HAND, RIGHT_HAND
from signvip.estimation.hand_depth import depth_scale
from signvip.estimation.places import plausible, signer_of
from signvip.estimation.stored import read
from signvip.estimation.stored_clip import Stored

SIZE = (500.0, 500.0)
FILE = Path("clip.npz")


def stored(points, size=SIZE):
    """Keypoints in fractions, as a file has them in pixels."""
    return Stored(list((points * (size[1], size[0], 1))[:, None].astype(np.float32)), size)


def test_a_hand_that_a_tracker_lost_is_unseen_and_the_rest_stays(points):
    truth = points.copy()
    points[3, RIGHT_HAND, :2] = 0.5 + 9 * (points[3, RIGHT_HAND, :2] - 0.5)  # larger than the signer
    points[5, LEFT_HAND, :2] += 1.6  # far out of the picture
    found, _ = signer_of(stored(points), SIZE, FILE)
    assert not found[3, RIGHT_HAND].any() and not found[5, LEFT_HAND].any()
    points[3, RIGHT_HAND], points[5, LEFT_HAND] = truth[3, RIGHT_HAND], truth[5, LEFT_HAND]
    others = np.ones(points.shape[:2], bool)
    others[3, RIGHT_HAND] = others[5, LEFT_HAND] = False
    assert np.allclose(found[others], points[others], atol=1e-6)


def test_every_true_point_of_a_signer_is_believed(signers):
    assert all(plausible(np.array(clip.known["keypoints"])).all() for clip in signers)


@pytest.mark.parametrize(
    ("moved", "sentence"),
    [
        (lambda xy: xy / 500, "in fractions of its pictures of 500x500, not in pixels; multiply"),
        (lambda xy: (xy - 0.5) * 6 / 500, "about the signer.*before it was normalised"),
        (lambda xy: (xy - (0.5, 0.6)) * 3, "before it was normalised, or the right size"),
        (lambda xy: xy + np.array([3, 0]), "before it was normalised, or the right size"),
    ],
)
def test_points_of_no_picture_are_refused_for_their_reason(points, moved, sentence):
    points[..., :2] = moved(points[..., :2])
    with pytest.raises(DataError, match=sentence):
        signer_of(stored(points), SIZE, FILE)


def test_a_signer_without_hands_or_nobody_is_refused(points):
    without = points.copy()
    without[:, LEFT_HAND] = without[:, RIGHT_HAND] = 0
    with pytest.raises(DataError, match="shows no hands"):
        signer_of(stored(without), SIZE, FILE)
    with pytest.raises(DataError, match="shows nobody"):
        signer_of(stored(points * 0), SIZE, FILE)


@pytest.mark.parametrize("count", [178, 543, 553, 576, 586])
def test_every_layout_of_mediapipe_is_told_by_its_number_of_points(tmp_path, count):
    """Each point holds its own number, so that what is read says where it was."""
    numbers = np.arange(count, dtype=float)
    np.savez(
        tmp_path / "a.npz", keypoints=np.stack([numbers, numbers, numbers * 0 + 1], -1)[None].repeat(2, 0)
    )
    found = read(tmp_path / "a.npz").people[0][0, :, 0]
    hands = count - 42 if count < 570 else count - 75
    assert np.array_equal(found[LEFT_HAND], np.arange(hands, hands + 21))
    assert np.array_equal(found[RIGHT_HAND], np.arange(hands + 21, hands + 42))
    assert found[2] == (1 if count == 178 else 12)  # the right shoulder
    chin = found[FACE][8]  # vertex 152 of the mesh
    assert chin == (8 + 47 if count == 178 else 33 + 152)


@pytest.mark.parametrize("unit", [0.02, 1.0, 40.0])
def test_the_unit_of_z_is_found_from_the_proportions_of_hands(signer, unit):
    hands = np.array(signer.known["hands"])[..., :3].reshape(-1, 21, 3) * 500
    hands[..., 2] = (hands[..., 2] - hands[:, :1, 2]) / unit
    assert depth_scale(hands, usual=9 * unit) == pytest.approx(unit, rel=0.2)
    assert depth_scale(hands, usual=unit / 9) == pytest.approx(unit, rel=0.2)
    assert depth_scale(hands * (1, 1, 0), usual=500) is None
    assert depth_scale(hands[:0], usual=500) == 500
    flat = letter_hand("flat")[8:12]  # nothing can be told of a hand that lies in the picture's plane
    flat[..., 2] = (flat[..., 2] - flat[:, :1, 2]) / unit
    assert depth_scale(flat, usual=3 * unit) == 3 * unit
