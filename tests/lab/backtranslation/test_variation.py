"""What training changes in a clip's pictures, and that keypoints go with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from signvip_lab.backtranslation.config import Frames
from signvip_lab.backtranslation.variation import Variation


@pytest.fixture
def pictures():
    drawn = torch.zeros(2, 3, 20, 30, dtype=torch.uint8)
    drawn[:, :, 8, 12] = 200
    return drawn


def test_nothing_drawn_changes_nothing(pictures):
    calm = Variation.draw(np.random.default_rng(0), Frames(size=(20, 30), channels=(4,), width=8))
    assert calm == Variation() and torch.equal(calm.pictures(pictures), pictures)


@pytest.mark.parametrize("down", [-0.1, 0.15])
@pytest.mark.parametrize("right", [-0.2, 0.1])
def test_keypoints_move_with_the_pictures(pictures, down, right):
    moved = Variation(down=down, right=right)
    points = np.array([[[12 / 30, 8 / 20, 0.7]]])
    x, y, confidence = moved.keypoints(points, (20, 30))[0, 0]
    found = moved.pictures(pictures)[0, 0].nonzero()
    assert found.tolist() == [[round(y * 20), round(x * 30)]] and confidence == 0.7
    assert points[0, 0, 0] == 12 / 30, "the caller's points were changed"


def test_a_border_is_repeated_and_not_wrapped(pictures):
    pictures[:, :, 0] = 50
    assert (Variation(down=0.1).pictures(pictures)[0, 0, :3] == 50).all()


def test_blur_spreads_a_point_and_keeps_its_light(pictures):
    wide = Variation(blur=0.05).pictures(pictures)[0, 0].float()
    assert wide.max() < 100 and (wide > 0).sum() > 5
    assert float(wide.sum()) == pytest.approx(200, rel=0.05)


def test_contrast_and_brightness_stay_within_bytes(pictures):
    bright = Variation(contrast=0.2, brightness=0.2).pictures(pictures)
    assert bright.max() == 255 and bright.min() == 26


def test_draws_stay_within_what_is_allowed():
    ranges = Frames(size=(20, 30), channels=(4,), width=8, shift=0.1, light=0.2, blur=0.05)
    drawn = [Variation.draw(np.random.default_rng(seed), ranges) for seed in range(200)]
    assert max(abs(one.down) for one in drawn) <= 0.1 and max(abs(one.contrast) for one in drawn) <= 0.2
    blurs = [one.blur for one in drawn]
    assert min(blurs) >= 0 and 0.04 < max(blurs) <= 0.05
    assert drawn[0] == Variation.draw(np.random.default_rng(0), ranges)
