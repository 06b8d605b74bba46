"""Schedulers that a caller brings: tried on an answer that is known, before hours are spent on one that misses it.

diffusers has two dozen. Some ask a denoiser several times a step, some know no `sample` prediction, and some divide by
a signal that a schedule with zero terminal SNR has none of; what comes out then is noise, without a word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    LCMScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from signvip.errors import ConfigError
from signvip.sampling.levels import DDIMByLevels

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from diffusers import SchedulerMixin

# Those offered by name; tests/sampling/test_schedulers.py tries them on every schedule.
OFFERED = (
    *(DDIMScheduler, DDIMByLevels, DDPMScheduler, DPMSolverMultistepScheduler),
    *(EulerDiscreteScheduler, LCMScheduler, UniPCMultistepScheduler),
)
NUMBERS = 256
FAR = 0.3  # root mean square from an answer of deviation 1; steps that are `leading` leave up to 0.14


def check_known_answer(
    prepared: SchedulerMixin, options: Callable[[torch.Generator], Mapping[str, Any]]
) -> None:
    """Let a scheduler sample numbers that are known; ConfigError where it fails or misses them.

    It has its timesteps, and is not to be used afterwards: it counts its steps. `options` are those of `step`.
    """
    name = type(prepared).__name__
    try:
        with torch.random.fork_rng(devices=[]):  # the caller's next number is his own
            torch.manual_seed(0)
            missed = _missed(prepared, options)
    except Exception as error:  # each has errors of its own for what it cannot do
        raise ConfigError(
            f"{name} cannot sample for this denoiser ({str(error) or type(error).__name__}); {ADVICE}"
        ) from error
    if not missed <= FAR:
        raise ConfigError(
            f"{name} misses a known answer by {missed:.2g} deviations in {len(prepared.timesteps)} steps on this noise "
            f"schedule; {ADVICE}"
        )


ADVICE = "choose one of ddim, ddpm, dpm++, unipc, euler, lcm, by make_scheduler or --scheduler."


def _missed(scheduler: SchedulerMixin, options: Callable[[torch.Generator], Mapping[str, Any]]) -> float:
    """Root mean square of what is left between the answer and what is sampled."""
    device = scheduler.timesteps.device
    clean, noise = torch.randn(2, 1, 1, NUMBERS).to(device)
    latents = noise * scheduler.init_noise_sigma
    given = options(torch.Generator().manual_seed(0))
    for timestep in scheduler.timesteps:
        scaled = scheduler.scale_model_input(latents, timestep)
        latents = scheduler.step(
            _prediction(scheduler, scaled, timestep, clean), timestep, latents, return_dict=False, **given
        )[0]
    return float((latents - clean).square().mean().sqrt())


def _prediction(scheduler: SchedulerMixin, latents: Tensor, timestep: Tensor, clean: Tensor) -> Tensor:
    """Return the prediction of a denoiser that knows the answer, in the form that this one was trained to give."""
    alpha = scheduler.alphas_cumprod[round(float(timestep))].double()
    signal, sigma = alpha.sqrt(), (1 - alpha).sqrt()
    epsilon = (latents.double() - signal * clean) / sigma
    kinds = {"epsilon": epsilon, "sample": clean, "v_prediction": signal * epsilon - sigma * clean}
    return kinds[scheduler.config["prediction_type"]].to(latents.dtype)
