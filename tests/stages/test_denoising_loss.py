"""Eq. 5 written out: what the networks of stage 1 are given, and what the loss makes of their answer."""

from __future__ import annotations

import pytest
import torch
from recording import CLIPS, FRAMES, SIDE, alphas, clips, recording_stage, run_step

from signvip.errors import ConfigError

KINDS = ["epsilon", "v_prediction", "sample"]


def targets(kind, given, clean):
    """What a denoiser is to predict: the noise, the velocity (arXiv:2202.00512), or the clean latents."""
    if kind == "v_prediction":
        return given.alpha.sqrt() * given.noise - (1 - given.alpha).sqrt() * clean
    return given.noise if kind == "epsilon" else clean


def errors_of(kind, given, clean):
    """Mean squared error of each clip."""
    prediction = 0.4 * given.sample.double() - 0.1
    return (prediction - targets(kind, given, clean.double())).square().flatten(1).mean(1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("zero_terminal_snr", [False, True])
def test_the_loss_is_the_mean_over_clips_of_the_squared_error(kind, zero_terminal_snr):
    nets = recording_stage(sampler={"prediction": kind, "zero_terminal_snr": zero_terminal_snr})
    for seed in range(8):
        batch = clips(seed)
        given = run_step(nets, batch, seed)
        assert given.loss == pytest.approx(float(errors_of(kind, given, batch["latents"]).mean()), rel=1e-3)


@pytest.mark.parametrize("beta_end", [0.012, 0.15])
def test_what_the_denoiser_sees_is_noisy_by_the_timestep_that_it_is_told(beta_end):
    """x_t = sqrt(alpha_t) x_0 + sqrt(1 - alpha_t) epsilon with epsilon ~ N(0, I), for each clip by its own t."""
    nets, batch = recording_stage(sampler={"beta_end": beta_end}), clips()
    for seed in range(20):
        given = run_step(nets, batch, seed)
        assert given.sample.shape == given.noise.shape == batch["latents"].shape
        torch.testing.assert_close(
            given.noise.mean((1, 2, 3, 4)), torch.zeros(CLIPS).double(), atol=0.12, rtol=0
        )
        torch.testing.assert_close(
            given.noise.std((1, 2, 3, 4)), torch.ones(CLIPS).double(), atol=0.08, rtol=0
        )


def test_the_noise_of_every_frame_channel_and_clip_is_its_own():
    noise = run_step(recording_stage(), clips()).noise.flatten(0, 2).flatten(1)
    apart = torch.corrcoef(noise) - torch.eye(len(noise))
    assert apart.abs().max() < 0.35  # of 256 pixels each


def test_timesteps_are_drawn_for_each_clip_from_the_whole_range():
    nets, drawn = recording_stage(), []
    for seed in range(300):
        timestep = run_step(nets, clips(), seed).timestep
        assert timestep.shape == (CLIPS,)
        drawn.append(timestep)
    drawn = torch.stack(drawn)  # (400, clips)
    shares = torch.bincount(drawn.flatten() // 100, minlength=10) / drawn.numel()
    assert drawn.min() < 10 and drawn.max() > 989 and len(shares) == 10
    assert float(shares.min()) > 0.07 and float(shares.max()) < 0.13
    assert float((drawn[:, 0] == drawn[:, 1]).float().mean()) < 0.05


def test_every_step_draws_anew_and_a_seed_repeats_it():
    nets, batch = recording_stage(), clips()
    first, again, other = (run_step(nets, batch, seed) for seed in (0, 0, 1))
    assert torch.equal(first.sample, again.sample) and first.loss == again.loss
    assert not torch.equal(first.noise, other.noise) and not torch.equal(first.timestep, other.timestep)


@pytest.mark.parametrize("kind", KINDS)
def test_min_snr_weighs_the_loss_of_each_clip(kind):
    """min(SNR, gamma) of the loss in x_0 (arXiv:2303.09556): over SNR for noise, over SNR + 1 for velocity."""
    gamma, batch = 5.0, clips()
    nets = recording_stage(sampler={"prediction": kind}, snr_gamma=gamma)
    for seed in range(12):
        given = run_step(nets, batch, seed)
        snr = (given.alpha / (1 - given.alpha)).flatten()
        divisor = {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones_like(snr)}[kind]
        expected = (errors_of(kind, given, batch["latents"]) * snr.clamp(max=gamma) / divisor).mean()
        assert given.loss == pytest.approx(float(expected), rel=1e-3)


def clean_errors(kind, given, clean):
    """Mean squared error of each clip in x_0, by the clean latents that follow from a prediction."""
    prediction, signal, scatter = (
        0.4 * given.sample.double() - 0.1,
        given.alpha.sqrt(),
        (1 - given.alpha).sqrt(),
    )
    made = {
        "epsilon": (given.sample - scatter * prediction) / signal,
        "v_prediction": signal * given.sample - scatter * prediction,
        "sample": prediction,
    }[kind]
    return (made - clean.double()).square().flatten(1).mean(1)


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_may_be_of_the_clean_latents_that_follow(kind):
    batch = clips()
    nets = recording_stage(
        sampler={"prediction": kind, "zero_terminal_snr": kind != "epsilon"}, loss="sample"
    )
    for seed in range(12):
        given = run_step(nets, batch, seed)
        assert given.loss == pytest.approx(
            float(clean_errors(kind, given, batch["latents"]).mean()), rel=2e-3
        )


def test_min_snr_weighs_the_loss_in_clean_latents_wherever_that_is_taken():
    sampler = {"zero_terminal_snr": False}
    both = [recording_stage(sampler=sampler, snr_gamma=5.0, loss=loss) for loss in ("prediction", "sample")]
    assert len({run_step(nets, clips(), 3).loss for nets in both}) == 1


def test_no_clean_latents_follow_from_noise_that_is_all_there_is():
    with pytest.raises(ConfigError, match=r"sampler\.prediction=v_prediction"):
        recording_stage(sampler={"prediction": "epsilon", "zero_terminal_snr": True}, loss="sample")


def test_timesteps_by_sigma_are_half_of_them_the_last():
    options = {"sampler": {"zero_terminal_snr": True, "beta_end": 0.15, "prediction": "v_prediction"}}
    nets = recording_stage(**options, timesteps="sigma", log_sigma=(0.0, 0.5))
    drawn = torch.stack([run_step(nets, clips(), seed).timestep for seed in range(150)])
    assert float((drawn == 999).double().mean()) == pytest.approx(0.5, abs=0.08)
    others = alphas(nets)[drawn[drawn < 999]]
    sigma = ((1 - others) / others).sqrt().log()
    assert abs(float(sigma.mean())) < 0.1 and float(sigma.std()) == pytest.approx(0.5, abs=0.08)
    assert float((drawn[:, 0] == drawn[:, 1]).double().mean()) < 0.4  # each clip's own


def test_errors_weigh_by_region_in_every_channel_of_a_cell():
    """Weights come in pixels, and a cell weighs as its pixels do on average."""
    nets, batch = recording_stage(), clips()
    pixels = torch.ones(CLIPS, FRAMES, 2 * SIDE, 2 * SIDE)
    pixels[0, 1, :4, 6:] = 4.0
    pixels[2, 0, 10:11] = 2.0
    given = run_step(nets, {**batch, "regions": pixels})
    error = (0.4 * given.sample.double() - 0.1 - given.noise).square()
    cells = torch.ones(CLIPS, FRAMES, 1, SIDE, SIDE)
    cells[0, 1, :, :2, 3:] = 4.0
    cells[2, 0, :, 5] = 1.5
    assert given.loss == pytest.approx(float((error * cells).mean()), rel=1e-4)


def test_an_offset_of_noise_is_one_number_for_a_clip_and_channel():
    nets, batch = recording_stage(noise_offset=0.5), clips()
    means = []
    for seed in range(60):
        noise = run_step(nets, batch, seed).noise
        by_frame = noise.mean((3, 4))  # (clips, F, channels)
        torch.testing.assert_close(by_frame[:, 0], by_frame[:, 1], atol=0.4, rtol=0)
        means.append(by_frame.mean(1))
    means = torch.stack(means)
    assert float(means.std()) == pytest.approx(0.5, abs=0.08)
    assert torch.corrcoef(means.flatten(1).T).fill_diagonal_(0).abs().max() < 0.5


def test_the_target_of_the_loss_holds_the_offset_too():
    batch = clips()
    given = run_step(recording_stage(noise_offset=0.5), batch)
    assert given.loss == pytest.approx(float(errors_of("epsilon", given, batch["latents"]).mean()), rel=1e-3)


def test_conditions_reach_the_denoiser_by_the_encoder():
    nets, batch = recording_stage(), clips()
    given = run_step(nets, batch)
    images = batch["conditions"].flatten(0, 1).float() / 127.5 - 1  # [0, 255] to [-1, 1]
    torch.testing.assert_close(nets.encoder.given, images)
    e = images.mean((2, 3), keepdim=True)
    torch.testing.assert_close(nets.recorder.guided_by, e.unflatten(0, (CLIPS, FRAMES)))
    torch.testing.assert_close(given.guide, 2 * nets.recorder.guided_by)


@pytest.mark.parametrize("timed", [False, True], ids=["zero", "sampler"])
def test_the_denoiser_sees_the_clean_picture_at_timestep_zero_or_the_samplers(timed):
    nets, batch = recording_stage(timed=timed), clips()
    given = run_step(nets, batch)
    ((latents, timestep),) = nets.recorder.calls
    assert torch.equal(latents, batch["reference"]) and given.reference["layer"] is latents
    expected = given.timestep if timed else torch.zeros(CLIPS).long()
    assert torch.equal(torch.as_tensor(timestep).expand(CLIPS), expected)


def test_the_reference_is_dropped_in_its_share_of_steps_and_then_not_computed():
    nets = recording_stage(reference_dropout=0.3)
    without = []
    for step in range(400):
        nets.recorder.calls.clear()
        given = run_step(nets, clips(step=step), seed=step)
        without.append(given.reference is None)
        assert len(nets.recorder.calls) == (0 if without[-1] else 1)
    assert sum(without) / 400 == pytest.approx(0.3, abs=0.06)


def test_all_processes_of_a_step_drop_the_reference_or_none():
    nets = recording_stage(reference_dropout=0.5)
    dropped = [
        [run_step(nets, clips(step=step), seed).reference is None for seed in range(3)] for step in range(12)
    ]
    assert all(len(set(ranks)) == 1 for ranks in dropped)
    assert len({ranks[0] for ranks in dropped}) == 2


@pytest.mark.parametrize(("rate", "dropped"), [(0.0, False), (1.0, True)])
def test_a_reference_is_dropped_never_or_always_at_the_ends(rate, dropped):
    nets = recording_stage(reference_dropout=rate)
    found = {run_step(nets, clips(step=step)).reference is None for step in range(20)}
    assert found == {dropped}


def test_the_loss_is_taken_in_float32_whatever_the_networks_compute_in():
    nets, batch = recording_stage(), clips()
    predict = nets.recorder.predict
    nets.recorder.predict = lambda *given: predict(*given).bfloat16()
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = nets(batch)
    given = run_step(nets, batch)
    prediction = (0.4 * given.sample - 0.1).bfloat16().double()
    expected = float((prediction - given.noise).square().mean())
    assert loss.dtype is torch.float32 and float(loss) == pytest.approx(expected, rel=1e-5)
