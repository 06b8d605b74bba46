"""The sampling steps of a scheduler, or the reason why it has none that lead from noise to what a denoiser predicts.

diffusers answers what it cannot do with a traceback, with numbers that are none, or with steps that miss their levels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers import DDIMScheduler, LCMScheduler
from torch import Tensor

from signvip.errors import ConfigError
from signvip.sampling.levels import DDIMByLevels, set_levels

if TYPE_CHECKING:
    from diffusers import SchedulerMixin

NO_SIGNAL = 1e-6  # of alpha_t: noise that is predicted there says nothing of the clean latents


def kind_of(scheduler: SchedulerMixin, steps: int) -> type[Any]:
    """Return the class that takes these steps: diffusers' DDIM assumes an even stride, wherever the next step is."""
    config = scheduler.config
    spacing, total = config.get("timestep_spacing"), config["num_train_timesteps"]
    uneven = spacing in ("sigma", "linspace") or (spacing == "trailing" and total % steps != 0)
    return DDIMByLevels if uneven and type(scheduler) is DDIMScheduler else type(scheduler)


def set_steps(scheduler: SchedulerMixin, steps: int, device: torch.device) -> None:
    """Give a new scheduler its timesteps; ConfigError where it cannot use that many."""
    total = scheduler.config["num_train_timesteps"]
    name = type(scheduler).__name__.removesuffix("Scheduler")
    refusal = ConfigError(f"{name} cannot take {steps} steps of {total} timesteps; choose fewer.")
    if steps > total:
        raise refusal
    try:
        if scheduler.config.get("timestep_spacing") == "sigma" and not isinstance(scheduler, DDIMByLevels):
            set_levels(scheduler, steps, device)
        else:
            scheduler.set_timesteps(steps, device=device)
    except (ValueError, IndexError, AssertionError) as error:  # each scheduler of diffusers has its own
        raise refusal from error
    places = [float(place) for place in scheduler.timesteps]
    if len(set(places)) < len(places) or not all(0 <= place <= total - 1 for place in places):
        raise refusal
    _refuse_pure_noise(scheduler, int(places[0]))


def check_lcm(scheduler: SchedulerMixin, steps: int) -> None:
    """LCM's steps are some of those that its weights were distilled from."""
    if isinstance(scheduler, LCMScheduler) and steps > scheduler.config["original_inference_steps"]:
        raise ConfigError(
            f"The scheduler lcm takes at most {scheduler.config['original_inference_steps']} steps, not {steps};"
            " 4 to 8 are usual."
        )


def _refuse_pure_noise(scheduler: SchedulerMixin, first: int) -> None:
    alphas: Tensor = scheduler.alphas_cumprod
    if scheduler.config["prediction_type"] == "epsilon" and float(alphas[first]) < NO_SIGNAL:
        raise ConfigError(
            "A denoiser that predicts noise cannot begin where there is nothing else (zero_terminal_snr); sample with "
            "timestep_spacing=leading, or train with sampler.prediction=v_prediction."
        )
