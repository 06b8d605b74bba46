"""Generation of video latents from noise (section 3.4): scheduler, guidance and context windows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    UniPCMultistepScheduler,
)
from torch import Tensor

from signvip.errors import ConfigError
from signvip.models.video_diffusion.windows import Tail, windows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from diffusers import SchedulerMixin

    from signvip.config import Sampler
    from signvip.models.video_diffusion.attention import Reference
    from signvip.models.video_diffusion.denoiser import Denoiser
    from signvip.models.video_diffusion.guider import Guider


def make_scheduler(name: str, noise: Sampler | Mapping[str, Any]) -> SchedulerMixin:
    """Build a scheduler for a noise schedule: that of a run's sampler section, or of another scheduler."""
    config = noise if isinstance(noise, Mapping) else _scheduler_config(noise)
    match name:
        case "ddpm":
            return DDPMScheduler.from_config(config)
        case "ddim":
            return DDIMScheduler.from_config(config)
        case "dpm++":
            return DPMSolverMultistepScheduler.from_config(config)
        case "unipc":
            return UniPCMultistepScheduler.from_config(config)
        case "euler":
            return EulerDiscreteScheduler.from_config(config)
    raise ConfigError(f"There is no scheduler '{name}'; choose ddpm, ddim, dpm++, unipc or euler.")


def _scheduler_config(sampler: Sampler) -> dict[str, Any]:
    leading = sampler.timestep_spacing == "leading"
    return {
        "num_train_timesteps": sampler.train_timesteps,
        "beta_start": sampler.beta_start,
        "beta_end": sampler.beta_end,
        "beta_schedule": sampler.beta_schedule,
        "prediction_type": sampler.prediction,
        "rescale_betas_zero_snr": sampler.zero_terminal_snr,
        "timestep_spacing": sampler.timestep_spacing,
        "clip_sample": False,  # latents have no range
        # Stable Diffusion 1.5 ships its DDIM with these two for its (leading) steps
        "steps_offset": 1 if leading else 0,
        "set_alpha_to_one": not leading,
    }


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    guider: Guider,
    scheduler: SchedulerMixin,
    reference: Reference | Callable[[Tensor], Reference] | None,
    e: Tensor,  # (B, F, C, h, w)
    *,
    steps: int = 50,
    guidance_scale: float = 3.5,
    generators: Sequence[torch.Generator] | None = None,
    window: int = 24,
    overlap: int = 4,
    tail: Tail = "shifted",
    callback: Callable[[int, int], None] | None = None,
) -> Tensor:
    """Return latents (B, F, 4, h, w) of clips with embeddings e and the Reference Net's features.

    One generator per clip makes a clip's result independent of its batch. Guidance drops the reference alone;
    at a scale of 1 or less there is none. A function as `reference` gives the features of each timestep.
    `callback` is told how many steps are done, and of how many.
    """
    parts = windows(e.shape[1], _window(denoiser, e.shape[1], window), overlap, tail)
    # a copy: schedulers count their steps, and the caller's may serve someone else
    scheduler = type(scheduler).from_config(scheduler.config)
    scheduler.set_timesteps(steps, device=e.device)
    # the guider knows no time, so once per window serves all steps
    features = [guider(e[:, _frames(part)]) for part in parts]
    latents = _noise(denoiser, e, generators) * scheduler.init_noise_sigma
    options = _step_options(scheduler, generators)
    for done, timestep in enumerate(scheduler.timesteps, start=1):
        inputs = scheduler.scale_model_input(latents, timestep)
        read = reference(timestep) if callable(reference) else reference
        total, count = torch.zeros_like(latents), latents.new_zeros(1, e.shape[1], 1, 1, 1)
        for part, guide in zip(parts, features, strict=True):
            frames = _frames(part)
            noisy = inputs[:, frames]
            total[:, frames] += _predict(denoiser, noisy, timestep, guide, read, guidance_scale)
            count[:, frames] += 1
        latents = scheduler.step(total / count, timestep, latents, return_dict=False, **options)[0]
        if callback is not None:
            callback(done, len(scheduler.timesteps))
    return latents


def _frames(part: Sequence[int]) -> slice | list[int]:
    """An index for a window: of a frame that stands in it twice, one copy counts, as in the authors' code."""
    return slice(part.start, part.stop) if isinstance(part, range) else list(part)


def _predict(
    denoiser: Denoiser,
    latents: Tensor,
    timestep: Tensor,
    features: list[Tensor],
    reference: Reference | None,
    scale: float,
) -> Tensor:
    conditional = denoiser(latents, timestep, features, reference)
    if scale <= 1 or reference is None:
        return conditional
    unconditional = denoiser(latents, timestep, features, None)
    return unconditional + scale * (conditional - unconditional)


def _noise(denoiser: Denoiser, e: Tensor, generators: Sequence[torch.Generator] | None) -> Tensor:
    shape = (e.shape[1], denoiser.config["in_channels"], *e.shape[3:])
    each = [torch.default_generator] * len(e) if generators is None else generators
    # made where the generator lives, so that a seed on the CPU gives the same noise for every device
    noise = [torch.randn(shape, generator=own, device=own.device) for own in each]
    return torch.stack([clip.to(e) for clip in noise])


def _step_options(scheduler: SchedulerMixin, generators: Sequence[torch.Generator] | None) -> dict[str, Any]:
    """Let a scheduler that adds noise draw it clip by clip."""
    draws = generators is not None and "generator" in inspect.signature(scheduler.step).parameters
    return {"generator": list(generators or ())} if draws else {}


def _window(denoiser: Denoiser, num_frames: int, window: int) -> int:
    limit = denoiser.config["motion_max_frames"]
    if denoiser.config["motion"] != "none" and min(window, num_frames) > limit:
        raise ConfigError(f"The denoiser sees {limit} frames at once; choose a window of at most {limit}.")
    return window
