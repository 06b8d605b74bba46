"""Generation of video latents from noise (section 3.4): scheduler, guidance and context windows."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol

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
from signvip.models.video_diffusion.windows import windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from diffusers import SchedulerMixin

    from signvip.models.video_diffusion.attention import Reference
    from signvip.models.video_diffusion.denoiser import Denoiser
    from signvip.models.video_diffusion.guider import Guider


class OnStep(Protocol):
    """Called after each denoising step, with the number done, that of all, and the latents."""

    def __call__(self, done: int, steps: int, latents: Tensor) -> None: ...


def make_scheduler(name: str, config: Mapping[str, Any]) -> SchedulerMixin:
    """Build a scheduler by name for the noise that `config` (arguments of `DDPMScheduler`) describes."""
    noise = DDPMScheduler(**config).config
    match name:
        case "ddpm":
            return DDPMScheduler.from_config(noise)
        case "ddim":
            # set_alpha_to_one=False: the last step goes to the least noise that training saw, as SD 1.5 does
            return DDIMScheduler.from_config(noise, set_alpha_to_one=False)
        case "dpm++":
            return DPMSolverMultistepScheduler.from_config(noise)
        case "unipc":
            return UniPCMultistepScheduler.from_config(noise)
        case "euler":
            return EulerDiscreteScheduler.from_config(noise)
    raise ConfigError(f"There is no scheduler '{name}'; choose ddpm, ddim, dpm++, unipc or euler.")


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    guider: Guider,
    scheduler: SchedulerMixin,
    reference: Reference | None,
    e: Tensor,  # (B, F, C, h, w)
    *,
    steps: int = 50,
    guidance_scale: float = 3.5,
    generator: torch.Generator | Sequence[torch.Generator] | None = None,
    window: int = 24,
    overlap: int = 4,
    callback: OnStep | None = None,
) -> Tensor:
    """Return latents (B, F, 4, h, w) of clips with embeddings e and the Reference Net's features.

    One generator per clip makes a clip's result independent of its batch. Guidance drops the reference alone;
    at a scale of 1 or less there is none.
    """
    parts = windows(e.shape[1], _window(denoiser, e.shape[1], window), overlap)
    # a copy: schedulers count their steps, and the caller's may serve someone else
    scheduler = type(scheduler).from_config(scheduler.config)
    scheduler.set_timesteps(steps, device=e.device)
    # the guider knows no time, so once per window serves all steps
    features = [guider(e[:, part.start : part.stop]) for part in parts]
    latents = _noise(denoiser, e, generator) * scheduler.init_noise_sigma
    options = _step_options(scheduler, generator)
    for done, timestep in enumerate(scheduler.timesteps, start=1):
        inputs = scheduler.scale_model_input(latents, timestep)
        total, count = torch.zeros_like(latents), latents.new_zeros(1, e.shape[1], 1, 1, 1)
        for part, guide in zip(parts, features, strict=True):
            frames = slice(part.start, part.stop)
            total[:, frames] += _predict(denoiser, inputs[:, frames], timestep, guide, reference, guidance_scale)
            count[:, frames] += 1
        latents = scheduler.step(total / count, timestep, latents, return_dict=False, **options)[0]
        if callback is not None:
            callback(done, len(scheduler.timesteps), latents)
    return latents


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


def _noise(
    denoiser: Denoiser, e: Tensor, generator: torch.Generator | Sequence[torch.Generator] | None
) -> Tensor:
    clips, frames, _, *size = e.shape
    shape = (frames, denoiser.config["in_channels"], *size)
    each = [generator] * clips if generator is None or isinstance(generator, torch.Generator) else generator
    # made where the generator lives, so that a seed gives the same noise for every device
    noise = [torch.randn(shape, generator=g, device=g.device if g else "cpu") for g in each]
    return torch.stack([n.to(e) for n in noise])


def _step_options(
    scheduler: SchedulerMixin, generator: torch.Generator | Sequence[torch.Generator] | None
) -> dict[str, Any]:
    if "generator" not in inspect.signature(scheduler.step).parameters:
        return {}
    return {"generator": generator if isinstance(generator, torch.Generator | None) else list(generator)}


def _window(denoiser: Denoiser, num_frames: int, window: int) -> int:
    limit = denoiser.config["motion_max_frames"]
    if denoiser.config["motion"] != "none" and min(window, num_frames) > limit:
        raise ConfigError(f"The denoiser sees {limit} frames at once; choose a window of at most {limit}.")
    return window
