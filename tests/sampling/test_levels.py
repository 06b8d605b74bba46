"""Steps of the sampler and of training by sigma, the noise's deviation over the signal's."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import get_args

import pytest
import torch
from diffusers import DDIMScheduler

from signvip.errors import ConfigError
from signvip.sampling.levels import (
    DDIMByLevels,
    draw_timesteps,
    sampling_sigmas,
    sampling_timesteps,
)
from signvip.sampling.options import Sampler, SchedulerName
from signvip.sampling.sampler import make_scheduler, sample

SCHEDULES = {
    "stable diffusion": Sampler(timestep_spacing="sigma"),
    "ends in noise": Sampler(
        timestep_spacing="sigma", zero_terminal_snr=True, beta_end=0.15, prediction="v_prediction"
    ),
}


def alphas(config: Sampler) -> torch.Tensor:
    """alpha_t (T,) of Eq. 1, written out."""
    roots = torch.linspace(math.sqrt(config.beta_start), math.sqrt(config.beta_end), 1000).double()
    signal = (1 - roots.square()).cumprod(0).sqrt()
    if config.zero_terminal_snr:  # arXiv:2305.08891, algorithm 1
        signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    return signal.square()


@pytest.fixture(params=SCHEDULES.values(), ids=SCHEDULES)
def config(request) -> Sampler:
    return request.param


def test_four_steps_are_pure_noise_and_three_levels():
    assert sampling_sigmas(1) == [math.inf]
    assert sampling_sigmas(2) == pytest.approx([math.inf, 0.6**0.5])
    assert sampling_sigmas(4) == pytest.approx([math.inf, 3, 0.6**0.5, 0.2])
    ratios = [a / b for a, b in pairwise(sampling_sigmas(8)[1:])]
    assert ratios == pytest.approx([15 ** (1 / 6)] * 6)


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 50, 100])
def test_timesteps_are_the_nearest_to_the_levels_and_all_different(config, steps):
    places = sampling_timesteps(alphas(config), steps)
    assert len(places) == steps and places[0] == 999
    assert all(later < earlier for earlier, later in pairwise(places))
    logs = ((1 - alphas(config)) / alphas(config)).sqrt().log()
    for place, sigma in zip(places[1:], sampling_sigmas(steps)[1:], strict=True):
        nearest = float((logs[:-1] - math.log(sigma)).abs().min())
        assert (
            abs(float(logs[place]) - math.log(sigma)) <= nearest + 0.06
        )  # one timestep, where two share one


def test_too_many_steps_are_refused(config):
    with pytest.raises(ConfigError, match="choose fewer steps"):
        sampling_timesteps(alphas(config), 999)


def test_training_sees_half_of_pure_noise_and_a_log_normal_rest(config):
    torch.manual_seed(0)
    drawn = draw_timesteps(alphas(config), 40000, 0.5, (-0.2, 1.4))
    assert float((drawn == 999).double().mean()) == pytest.approx(0.5, abs=0.02)
    logs = ((1 - alphas(config)) / alphas(config)).sqrt().log()[drawn[drawn < 999]]
    inside = logs[(logs > -3) & (logs < 2.5)]  # the schedule's ends cut the tails
    normal = -0.2 + 1.4 * torch.randn(20000)
    expected = normal[(normal > -3) & (normal < 2.5)]
    assert float(inside.mean()) == pytest.approx(float(expected.mean()), abs=0.05)
    assert float(inside.std()) == pytest.approx(float(expected.std()), abs=0.05)


@pytest.mark.parametrize(("pure", "share"), [(0.0, 0.0), (0.2, 0.2), (1.0, 1.0)])
def test_the_share_of_pure_noise_and_the_levels_are_as_asked(pure, share):
    torch.manual_seed(0)
    drawn = draw_timesteps(alphas(SCHEDULES["ends in noise"]), 4000, pure, (0.5, 1e-6))
    assert float((drawn == 999).double().mean()) == pytest.approx(share, abs=0.03)
    assert len(drawn[drawn < 999].unique()) <= 1


class Oracle:
    """Stands for a denoiser that knows the clean latents; notes how noisy what it sees is."""

    channels, window = 4, None

    def __init__(self, clean, config):
        self.clean, self.kind, self.alphas, self.seen = clean, config.prediction, alphas(config).float(), {}

    def guide(self, e):
        return e

    def predict(self, latents, timestep, *_):
        alpha = self.alphas[int(timestep)]
        signal, scatter = alpha.sqrt(), (1 - alpha).sqrt()
        epsilon = (latents - signal * self.clean) / scatter
        self.seen[int(timestep)] = float(epsilon.std())
        return signal * epsilon - scatter * self.clean if self.kind == "v_prediction" else epsilon


@pytest.mark.parametrize("steps", [1, 4, 8])
@pytest.mark.parametrize("name", get_args(SchedulerName))
def test_every_scheduler_takes_them_and_finds_what_the_denoiser_knows(config, name, steps):
    scheduler = make_scheduler(name, config)
    oracle = Oracle(torch.randn(1, 8, 4, 8, 8, generator=torch.Generator().manual_seed(3)), config)
    made = sample(
        oracle, scheduler, None, torch.zeros(1, 8, 1, 8, 8), steps=steps,
        generators=[torch.Generator().manual_seed(0)], window=8,
    )  # fmt: skip
    assert list(oracle.seen) == sampling_timesteps(alphas(config), steps)
    assert oracle.seen == pytest.approx(
        dict.fromkeys(oracle.seen, 1.0), abs=0.05
    )  # x_t of Eq. 1 at that timestep
    assert (made - oracle.clean).abs().max() < 0.05


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_ddim_by_hand(kind):
    """Eq. 12 of arXiv:2010.02502 without noise, from a level to the next."""
    config = Sampler(timestep_spacing="sigma", prediction=kind, beta_end=0.02)
    scheduler, kept = DDIMByLevels.from_config(make_scheduler("ddim", config).config), alphas(config)
    scheduler.set_timesteps(4)
    places = scheduler.timesteps.tolist()
    assert places == sampling_timesteps(kept, 4)
    x = torch.randn(2, 3, generator=torch.Generator().manual_seed(1)).double()
    for place, following in zip(places, [*places[1:], None], strict=True):
        made = 0.3 * x + 0.2
        signal, scatter = kept[place].sqrt(), (1 - kept[place]).sqrt()
        clean, epsilon = {
            "epsilon": ((x - scatter * made) / signal, made),
            "v_prediction": (signal * x - scatter * made, signal * made + scatter * x),
            "sample": (made, (x - signal * made) / scatter),
        }[kind]
        after = kept[following] if following is not None else torch.tensor(1.0).double()
        expected = after.sqrt() * clean + (1 - after).sqrt() * epsilon
        found = scheduler.step(made, torch.tensor(place), x)
        torch.testing.assert_close(found.prev_sample, expected, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(found.pred_original_sample, clean, rtol=1e-4, atol=1e-4)
        x = expected


@pytest.mark.parametrize("spacing", ["trailing", "sigma"])
def test_euler_starts_from_noise_of_the_right_size_whatever_the_schedule(spacing):
    """Sigma is beyond float32's digits at half of these timesteps, and their greatest was the noise's deviation."""
    config = SCHEDULES["ends in noise"].model_copy(update={"timestep_spacing": spacing})
    made = {}
    for name in ("ddim", "euler"):
        oracle = Oracle(torch.zeros(1, 8, 4, 8, 8), config)
        oracle.clean = 0.5
        made[name] = sample(
            oracle, make_scheduler(name, config), None, torch.zeros(1, 8, 1, 8, 8), steps=4,
            generators=[torch.Generator().manual_seed(0)], window=8,
        )  # fmt: skip
        assert oracle.seen == pytest.approx(dict.fromkeys(oracle.seen, 1.0), abs=0.05)
    torch.testing.assert_close(made["euler"], made["ddim"], atol=1e-2, rtol=1e-2)


def test_a_saved_one_is_diffusers_own_and_comes_back_as_it_was(tmp_path):
    """So that no run names a class of ours, and another spacing can be asked of it."""
    made = make_scheduler("ddim", SCHEDULES["ends in noise"])
    made.save_pretrained(tmp_path)
    again = DDIMScheduler.from_pretrained(tmp_path)
    assert type(made) is DDIMScheduler
    assert again.config.timestep_spacing == "sigma" and again.config.rescale_betas_zero_snr
    evenly = make_scheduler("ddim", {**made.config, "timestep_spacing": "trailing"})
    evenly.set_timesteps(4)
    assert evenly.timesteps.tolist() == [999, 749, 499, 249]
