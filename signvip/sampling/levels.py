"""Noise levels: sigma, the noise's deviation over the signal's, in place of a timestep of the schedule.

Evenly spaced timesteps are not evenly spaced noise: where a schedule ends in no signal, half of them may be all noise.
Training draws its levels, and the sampler chooses its steps, by sigma (Karras et al., arXiv:2206.00364); the nearest
timestep then stands for each.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from diffusers import DDIMScheduler
from diffusers.schedulers.scheduling_ddim import DDIMSchedulerOutput
from torch import Tensor

from signvip.errors import ConfigError

if TYPE_CHECKING:
    from diffusers import SchedulerMixin

FIRST, LAST = 3.0, 0.2  # sigma of the steps after pure noise: less decides nothing, more is still noise


def sigmas_of(alphas: Tensor) -> Tensor:
    """Sigma of every timestep (T,) from alpha_t of Eq. 1; infinite where there is no signal."""
    return ((1 - alphas) / alphas).sqrt()


def nearest_timesteps(alphas: Tensor, sigmas: Tensor) -> Tensor:
    """Return the timesteps whose log sigma is nearest; the last one for a sigma above all."""
    logs = sigmas_of(alphas.double()).log()
    middles = (logs[1:] + logs[:-1]) / 2
    return torch.bucketize(sigmas.double().log(), middles, right=True)


def draw_timesteps(alphas: Tensor, count: int, pure: float, log_sigma: tuple[float, float]) -> Tensor:
    """Timesteps (count,): a share of them pure noise, the others log-normal in sigma with this mean and deviation."""
    mean, deviation = log_sigma
    sigmas = (mean + deviation * torch.randn(count, device=alphas.device)).exp()
    noise = torch.rand(count, device=alphas.device) < pure
    return nearest_timesteps(alphas, torch.where(noise, math.inf, sigmas))


def sampling_sigmas(steps: int) -> list[float]:
    """Pure noise, then `steps - 1` levels in a geometric row: inf, 3, 0.77, 0.2 for four steps."""
    if steps == 2:
        return [math.inf, math.sqrt(FIRST * LAST)]
    return [math.inf, *np.geomspace(FIRST, LAST, steps - 1)]


def sampling_timesteps(alphas: Tensor, steps: int) -> list[int]:
    """Return the timesteps of these levels, noisiest first; if two levels share one, the second moves down by one."""
    places: list[int] = []
    for place in nearest_timesteps(alphas.cpu(), torch.tensor(sampling_sigmas(steps))).tolist():
        places.append(min(place, places[-1] - 1) if places else place)
    if places[-1] < 0:
        raise ConfigError(
            f"The noise schedule has too few timesteps for {steps} steps by sigma; choose fewer steps."
        )
    return places


def set_levels(scheduler: SchedulerMixin, steps: int, device: torch.device) -> None:
    """Let a new scheduler that looks up its own steps take them at these levels: all but diffusers' DDIM do."""
    places = sampling_timesteps(scheduler.alphas_cumprod, steps)
    scheduler.num_inference_steps = steps
    scheduler.timesteps = torch.tensor(places, dtype=scheduler.timesteps.dtype, device=device)
    if hasattr(scheduler, "sigmas"):
        scheduler.sigmas = torch.cat([sigmas_of(scheduler.alphas_cumprod)[places], torch.zeros(1)])


class DDIMByLevels(DDIMScheduler):
    """DDIM without noise of its own (arXiv:2010.02502, Eq. 12) at uneven levels; diffusers' takes even steps alone."""

    def set_timesteps(self, num_inference_steps: int, device: str | torch.device | None = None) -> None:
        """Choose the timesteps for a number of steps, and note where each leads."""
        if self.config["timestep_spacing"] == "sigma":
            places = sampling_timesteps(self.alphas_cumprod, num_inference_steps)
        else:
            spaced = DDIMScheduler.from_config(self.config)
            spaced.set_timesteps(num_inference_steps)
            places = spaced.timesteps.tolist()
        self.num_inference_steps, self.timesteps = num_inference_steps, torch.tensor(places, device=device)
        self.next_alphas = torch.zeros_like(self.alphas_cumprod)
        self.next_alphas[places] = torch.stack([*self.alphas_cumprod[places[1:]], self.final_alpha_cumprod])

    def step(  # it draws no noise, and so takes no generator
        self, model_output: Tensor, timestep: Tensor | int, sample: Tensor, return_dict: bool = True
    ) -> DDIMSchedulerOutput | tuple[Tensor, Tensor]:
        """Take latents to the next level, by the clean ones and the noise that a prediction says are in them."""
        alpha, following = self.alphas_cumprod[timestep], self.next_alphas[timestep]
        signal, noise = alpha.sqrt(), (1 - alpha).sqrt()
        match self.config.prediction_type:
            case "epsilon":
                clean, epsilon = (sample - noise * model_output) / signal, model_output
            case "sample":
                clean, epsilon = model_output, (sample - signal * model_output) / noise
            case _:
                clean, epsilon = (
                    signal * sample - noise * model_output,
                    signal * model_output + noise * sample,
                )
        made = following.sqrt() * clean + (1 - following).sqrt() * epsilon
        return DDIMSchedulerOutput(made, clean) if return_dict else (made, clean)
