"""Every scheduler, on every kind of model: from noise to what the denoiser knows, or a refusal in one sentence."""

from __future__ import annotations

import itertools
from typing import get_args

import pytest
import torch
from diffusers import DDPMScheduler

from signvip.errors import ConfigError
from signvip.sampling.options import Sampler, SchedulerName
from signvip.sampling.sampler import make_scheduler, sample

NAMES = get_args(SchedulerName)
PREDICTIONS, SPACINGS = ("epsilon", "v_prediction", "sample"), ("leading", "trailing", "linspace", "sigma")
CLEAN = torch.randn(1, 5, 4, 4, 4, generator=torch.Generator().manual_seed(0))
# Stable Diffusion's DDIM ends with the noise of its first timestep where steps are `leading`: 0.03 deviations of it
LEFT = 0.03 * 4.5


class Knows:
    """A denoiser that knows the clean latents, and says so in the way that it was trained to."""

    channels, window = 4, None

    def __init__(self, config: Sampler) -> None:
        self.kind, self.asked = config.prediction, []
        self.alphas = DDPMScheduler.from_config(make_scheduler("ddpm", config).config).alphas_cumprod.double()

    def guide(self, e):
        return e

    def predict(self, latents, timestep, *_):
        alpha = self.alphas[round(float(timestep))]
        self.asked.append((float(timestep), float(latents.std()), alpha))
        signal, noise = alpha.sqrt(), (1 - alpha).sqrt()
        epsilon = (latents.double() - signal * CLEAN) / noise
        velocity = signal * epsilon - noise * CLEAN
        return {"epsilon": epsilon, "v_prediction": velocity, "sample": CLEAN.double()}[self.kind].float()


def found(name, config, steps):
    """How far the sampled latents are from the clean ones, and what the denoiser was asked."""
    knows, e = Knows(config), torch.zeros(1, 5, 1, 4, 4)
    made = sample(
        knows, make_scheduler(name, config), None, e,
        steps=steps, generators=[torch.Generator().manual_seed(1)], window=8, overlap=3,
    )  # fmt: skip
    return float((made - CLEAN).abs().max()), knows.asked


@pytest.mark.parametrize("zero_terminal_snr", [False, True], ids=["", "zero-terminal-snr"])
@pytest.mark.parametrize("prediction", PREDICTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_a_scheduler_finds_what_the_denoiser_knows_or_is_refused(name, prediction, zero_terminal_snr):
    for spacing, steps in itertools.product(SPACINGS, (3, 7, 20)):
        config = Sampler(prediction=prediction, zero_terminal_snr=zero_terminal_snr, timestep_spacing=spacing)
        begins_in_noise = spacing != "leading" or name == "lcm"  # whose first step is the last timestep
        if prediction == "epsilon" and zero_terminal_snr and begins_in_noise:
            with pytest.raises(ConfigError, match="cannot begin where there is nothing else"):
                found(name, config, steps)
            continue
        apart, asked = found(name, config, steps)
        assert apart < (LEFT if name == "ddim" and spacing == "leading" else 1e-4), (spacing, steps)
        assert len(asked) == steps
        for timestep, deviation, alpha in asked[1:]:  # the first is pure noise, whatever its timestep
            expected = (alpha * CLEAN.var() + (1 - alpha)).sqrt()
            assert deviation == pytest.approx(float(expected), abs=0.12), (spacing, steps, timestep)


@pytest.mark.parametrize("name", NAMES)
def test_more_steps_than_there_can_be_are_refused_in_a_sentence(name):
    for spacing, total in itertools.product(SPACINGS, (10, 60)):
        for steps in (total // 2, total - 1, total, total + 1, 5 * total):
            config = Sampler(timestep_spacing=spacing, train_timesteps=total, beta_end=0.3)
            try:
                apart, asked = found(name, config, steps)
            except ConfigError as refusal:
                assert str(steps) in str(refusal) and steps >= total - 1, (spacing, total, steps, refusal)
            else:
                assert len(asked) == steps <= total and apart < 0.5, (spacing, total, steps)


def test_noise_schedules_that_are_none_are_refused():
    for values in ({"beta_schedule": "sigmoid"}, {"beta_end": 1.5}, {"beta_start": 0.0}):
        with pytest.raises(ValueError, match="beta"):
            Sampler(**values)
