"""Options of stage 1's loss and samples, each against its formula."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small import small_config

from signvip.models.video_diffusion.sampler import make_scheduler
from signvip.stages.clips import Draws
from signvip.stages.video import VideoDiffusion, VideoPhase


def loss_of(prediction="epsilon", **stage1) -> VideoDiffusion:
    config = small_config(stage1=stage1, sampler={"prediction": prediction})
    return VideoDiffusion(config, *(torch.nn.Identity() for _ in range(4)))


@pytest.mark.parametrize(("prediction", "divisor"), [("epsilon", 0), ("v_prediction", 1)])
def test_min_snr_weights(prediction, divisor):
    timesteps = torch.tensor([5, 300, 900])
    nets = loss_of(prediction, snr_gamma=5.0)
    alphas = make_scheduler("ddpm", small_config().sampler).alphas_cumprod[timesteps]
    snr = alphas / (1 - alphas)
    torch.testing.assert_close(nets._weights(timesteps), snr.clamp(max=5.0) / (snr + divisor))
    assert nets._weights(timesteps)[0] < 1
    assert torch.equal(loss_of(prediction)._weights(timesteps), torch.ones(3))


def test_the_offset_of_noise_is_one_number_for_a_clip_and_channel():
    latents = torch.zeros(2, 3, 4, 8, 8)
    torch.manual_seed(0)
    plain = loss_of()._noise(latents)
    torch.manual_seed(0)
    offset = (loss_of(noise_offset=0.1)._noise(latents) - plain).flatten(3)
    assert offset.std((1, 3)).max() < 1e-6 and offset.std() > 0.03


def test_blackout_takes_whole_conditions_of_single_frames():
    phase = object.__new__(VideoPhase)
    phase.train, phase.blackout = SimpleNamespace(painters={"pose": None, "hand3d": None}), 0.25
    conditions = torch.full((400, 6, 2, 2), 7, dtype=torch.uint8)
    blacked = phase._black(Draws(0, "stage1-image", 0), conditions)
    kinds = blacked.unflatten(1, (2, 3)).flatten(2)
    assert blacked.dtype == torch.uint8 and torch.equal(kinds.amin(2), kinds.amax(2))
    assert (kinds[..., 0] == 0).float().mean(0).tolist() == pytest.approx([0.25, 0.25], abs=0.08)


def test_the_reference_is_dropped_for_all_processes_of_a_step():
    nets = loss_of(reference_dropout=0.3)
    dropped = [nets._without_reference(step) for step in range(1000)]
    assert dropped == [nets._without_reference(step) for step in range(1000)]
    assert sum(dropped) / 1000 == pytest.approx(0.3, abs=0.05)


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
