"""PSNR, SSIM and hand boxes against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from signvip.data.picture_scores import face_boxes, face_ssim, hand_boxes, hand_ssim, psnr, ssim


def noise(seed=0, size=(64, 48)):
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


def test_psnr_of_a_known_error():
    truth = np.full((16, 16, 3), 100, np.uint8)
    assert psnr([truth + 10], [truth]) == pytest.approx(10 * np.log10(255**2 / 100))


def test_psnr_is_a_mean_over_frames_and_identical_frames_count_as_100():
    truth = np.full((16, 16, 3), 100, np.uint8)
    assert psnr([truth, truth + 10], [truth, truth]) == pytest.approx((100 + 10 * np.log10(255**2 / 100)) / 2)


def test_ssim_is_one_for_the_same_and_falls_with_noise():
    truth = noise()
    worse = [
        np.clip(truth + np.random.default_rng(1).normal(0, s, truth.shape), 0, 255).astype(np.uint8)
        for s in (5, 60)
    ]
    assert ssim([truth], [truth]) == pytest.approx(1)
    assert 1 > ssim([worse[0]], [truth]) > ssim([worse[1]], [truth])


def test_frames_of_different_counts_are_refused():
    with pytest.raises(ValueError):
        ssim([noise()], [noise(), noise()])


def hand_at(x, y, radius=0.1):
    points = np.zeros((128, 3), np.float32)
    angles = np.linspace(0, 2 * np.pi, 21)
    points[86:107] = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles), np.ones(21)], axis=1)
    return points


def test_a_hand_that_is_not_seen_has_no_box():
    assert hand_boxes(np.zeros((128, 3), np.float32), (64, 64)) == []
    rows, columns = hand_boxes(hand_at(0.5, 0.5), (64, 64))[0]
    assert rows.start <= 25 and rows.stop >= 39 and columns.start <= 25 and columns.stop >= 39


@pytest.mark.parametrize(("size", "side"), [((64, 64), 16), ((272, 224), 32)])
def test_the_box_of_a_small_hand_has_room_for_the_window_of_ssim(size, side):
    for rows, columns in hand_boxes(hand_at(0.5, 0.5, radius=0.01), size):
        assert side <= rows.stop - rows.start <= side + 2 and side <= columns.stop - columns.start <= side + 2


def test_hand_ssim_sees_only_the_hand():
    truth, points = noise(size=(64, 64)), hand_at(0.25, 0.25)
    elsewhere, there = truth.copy(), truth.copy()
    elsewhere[40:, 40:] = 0
    there[10:22, 10:22] = 0
    assert hand_ssim([elsewhere], [truth], points[None]) == pytest.approx(1)
    assert hand_ssim([there], [truth], points[None]) < 0.8


def face_at(x, y, radius=0.1):
    points = np.zeros((128, 3), np.float32)
    angles = np.linspace(0, 2 * np.pi, 68)
    points[18:86] = np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles), np.ones(68)], axis=1)
    return points


def test_the_face_has_a_box_of_its_own_where_half_of_it_is_seen():
    points = face_at(0.5, 0.25)
    ((rows, columns),) = face_boxes(points, (64, 64))
    assert hand_boxes(points, (64, 64)) == [] and face_boxes(hand_at(0.5, 0.5), (64, 64)) == []
    assert 7 <= rows.start <= 8 and 24 <= rows.stop <= 25  # 0.1 of 64, times 1.2, on both sides of 16
    assert 23 <= columns.start <= 24 and 40 <= columns.stop <= 41
    points[18:53, 2] = 0.29  # 33 of 68 are left
    assert face_boxes(points, (64, 64)) == []


def test_face_ssim_sees_only_the_face():
    truth, points = noise(size=(64, 64)), face_at(0.25, 0.25)
    elsewhere, there = truth.copy(), truth.copy()
    elsewhere[40:, 40:] = 0
    there[10:22, 10:22] = 0
    assert face_ssim([elsewhere], [truth], points[None]) == pytest.approx(1)
    assert face_ssim([there], [truth], points[None]) < 0.8
