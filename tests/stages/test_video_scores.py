"""What a sample of stage 1 is judged by while it trains."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from signvip.stages.video import VideoPhase


@pytest.mark.parametrize("known", [True, False])
def test_scores_ask_the_shards_where_hands_are_and_not_the_model(known):
    phase = object.__new__(VideoPhase)
    points = np.full((3, 128, 3), 0.5)
    index = SimpleNamespace(has=lambda name: known, load=lambda clip, name: {"keypoints": points})
    phase.dev = SimpleNamespace(index=index, painters={"hand3d": None})  # nothing is drawn from the pose
    frames = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    scores = phase._scores(0, frames, frames)
    assert set(scores) == {"psnr", "ssim"} | ({"hand_ssim"} if known else set())
    assert scores["ssim"] == pytest.approx(1)


def test_scores_leave_out_frames_that_equal_the_reference_unless_there_are_no_others():
    phase = object.__new__(VideoPhase)
    phase.dev = SimpleNamespace(index=SimpleNamespace(has=lambda name: False))
    truth = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    made = np.stack([truth[0], *np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)])
    some = phase._scores(0, made, truth, np.array([False, True, True]))
    assert some == phase._scores(0, made[1:], truth[1:]) and some["psnr"] < 20
    assert phase._scores(0, made, truth, np.zeros(3, bool)) == phase._scores(0, made, truth)
