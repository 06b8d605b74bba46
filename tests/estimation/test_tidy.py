"""Short gaps are bridged, long ones are empty and counted; left hands stay left."""

from __future__ import annotations

import numpy as np
import pytest

from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.estimation import doubled_hands, tidy
from signvip.estimation.gaps import fill_gaps, longest_gap
from signvip.estimation.hands import exchange, swapped_hands


def test_a_short_gap_is_a_straight_line_and_a_long_one_stays():
    points = np.zeros((12, 2, 3), np.float32)
    points[:, :, 0] = np.arange(12)[:, None]
    points[:, :, 2] = 0.9
    points[3:5, 0] = 0
    points[2, 0, 2] = 0.5
    points[4:8, 1] = (99, 99, 0.1)  # less sure than is drawn: as good as lost
    filled, bridged = fill_gaps(points, 3)
    assert np.allclose(filled[3:5, 0], [(3, 0, 0.5), (4, 0, 0.5)])
    assert np.argwhere(bridged).tolist() == [[3, 0], [4, 0]]
    assert np.array_equal(filled[:, 1], points[:, 1])


def test_nothing_is_invented_before_the_first_sight_or_after_the_last():
    points = np.zeros((6, 1, 3), np.float32)
    points[2:4] = (0.5, 0.5, 1)
    filled, bridged = fill_gaps(points, 10)
    assert np.array_equal(filled, points) and not bridged.any()


def test_the_longest_gap_is_counted():
    assert longest_gap(np.array([1, 0, 0, 1, 0, 0, 0, 1, 0], bool)) == 3
    assert longest_gap(np.ones(4, bool)) == 0


def test_hands_that_change_places_are_put_back(signers):
    rng = np.random.default_rng(0)
    for clip in signers:
        points = np.array(clip.known["keypoints"])
        wrong = np.flatnonzero(rng.random(len(points)) < 0.3)
        spoilt = exchange(points, np.isin(np.arange(len(points)), wrong))
        hands = np.array(clip.known["hands"])
        hands[wrong] = hands[wrong, ::-1]
        tidied = tidy(spoilt, hands, fps=clip.fps)
        assert tidied.coverage.swapped == len(wrong) > 3
        assert np.allclose(tidied.known["keypoints"], tidy(points, fps=clip.fps).known["keypoints"])
        assert np.array_equal(tidied.known["hands"], clip.known["hands"])


def test_hands_that_are_right_stay_where_they_are(signers):
    for clip in signers:
        points = np.array(clip.known["keypoints"])
        assert not swapped_hands(points).any() and not doubled_hands(points).any()


def test_one_hand_under_the_wrong_name_is_put_back(points):
    points[:, LEFT_HAND] = 0
    spoilt = exchange(points, np.ones(len(points), bool))
    assert np.array_equal(tidy(spoilt, fps=24).known["keypoints"][:, RIGHT_HAND], points[:, RIGHT_HAND])


def test_without_wrists_hands_are_left_alone(points):
    points[:, [4, 7]] = 0
    assert not swapped_hands(exchange(points, np.ones(len(points), bool))).any()


@pytest.mark.parametrize(("part", "other"), [(LEFT_HAND, RIGHT_HAND), (RIGHT_HAND, LEFT_HAND)])
def test_one_hand_found_twice_is_one_hand(signer, points, part, other):
    hands = np.array(signer.known["hands"])
    points[5:15, other] = points[5:15, part] + (0.002, 0, 0)
    found = tidy(points, hands, fps=24, gap=0)
    assert not found.known["keypoints"][5:15, other].any()
    assert np.array_equal(found.known["keypoints"][:, part], points[:, part])
    side = 0 if other == LEFT_HAND else 1
    assert (
        not found.known["hands"][5:15, side].any()
        and found.known["hands"][5:15, 1 - side].all(axis=(1, 2)).any()
    )


def test_what_is_missing_is_counted(points):
    points[4:14, LEFT_HAND] = 0
    points[6:20, RIGHT_HAND] = 0
    points[30:32, LEFT_HAND, 2] = 0
    coverage = tidy(points, fps=24, gap=0.25).coverage
    frames = len(points)
    assert (coverage.frames, coverage.pose) == (frames, frames)
    assert (coverage.left, coverage.right, coverage.either) == (frames - 10, frames - 14, frames - 8)
    assert (coverage.bridged, coverage.longest) == (2, 8)
    assert f"of {frames} frames; 2 bridged, 0 with hands exchanged, 8 in a row without a hand" in str(
        coverage
    )
