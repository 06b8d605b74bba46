"""Generation of video latents from noise (section 3.4): scheduler, guidance and context windows."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

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

from signvip.errors import ConfigError, MismatchError
from signvip.models.video_denoiser import is_timed, predict_both, prepared
from signvip.sampling.known_answer import ADVICE, OFFERED, check_known_answer
from signvip.sampling.options import SchedulerName
from signvip.sampling.timesteps import check_lcm, kind_of, set_steps
from signvip.sampling.windows import Predict, Tail, WindowBatch, make_batches, mean_over, windows
from signvip.storage.json_files import parse_object
from signvip.storage.loading import told_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from diffusers import SchedulerMixin

    from signvip.contracts import Denoiser
    from signvip.sampling.options import Sampler

NOISE = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "prediction_type",
    "rescale_betas_zero_snr",  # not all schedulers store it
)
LCM_STEPS = 50  # that weights are distilled from
LARGEST_SIGMA = 4096.0  # of Euler's steps; diffusers has this where there is no signal at all


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
        case "lcm":
            # it takes some of these steps, of which there can be no more than timesteps
            most = min(config.get("original_inference_steps", LCM_STEPS), config["num_train_timesteps"])
            return LCMScheduler.from_config(config, original_inference_steps=most)
    raise unknown_scheduler(name)


def refuse_other_schedule(path: Path, sampler: Sampler) -> None:
    """MismatchError where a stored scheduler has another noise schedule than a denoiser was trained with."""
    with told_of(path, "get the run again."):
        found = parse_object(path.read_bytes())
    for name in NOISE:
        wanted, optional = _scheduler_config(sampler)[name], name == "rescale_betas_zero_snr"
        if found.get(name, wanted if optional else None) != wanted:
            raise MismatchError(
                f"{path} has {name}={found.get(name)}, the run was trained with {wanted}; restore it, or get the run "
                "again."
            )


def unknown_scheduler(name: str) -> ConfigError:
    """Return the error for a scheduler that does not exist."""
    return ConfigError(f"There is no scheduler '{name}'; choose one of {', '.join(get_args(SchedulerName))}.")


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
    scheduler: SchedulerMixin,
    reference: Tensor | None,  # (B, 4, h, w)
    e: Tensor,  # (B, F, C, h, w)
    *,
    steps: int = 50,
    guidance_scale: float = 3.5,
    guidance_interval: tuple[float, float] = (0.0, 1.0),
    generators: Sequence[torch.Generator] | None = None,
    window: int = 24,
    overlap: int = 4,
    tail: Tail = "shifted",
    window_batch: int = 1,
    reuse_every: int = 1,
    callback: Callable[[int, Tensor, Tensor], Tensor] | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Tensor:
    """Return latents (B, F, 4, h, w), in float32, of clips with embeddings e and the latents of a reference picture.

    One generator per clip makes a clip's result independent of its batch. Guidance drops the reference alone;
    at a scale of 1 or less there is none.
    `callback` is told the step that is done, from 0, with its timestep and latents, and returns those to go on with.
    Once something `interrupted` it, no further step is taken.

    Two options are approximate, and off by default: guidance between two fractions of the steps only, and
    steps that read what an exact one left, one in `reuse_every`. `window_batch` windows are denoised in one call.
    Latents and steps are in float32 for weights of any precision: half of it would round each step.
    """
    check_interval(guidance_interval)
    parts = windows(e.shape[1], fitting_window(denoiser, e.shape[1], window), overlap, tail)
    batches = make_batches(parts, window_batch, denoiser, e)
    check_known(scheduler, steps)
    scheduler = set_timesteps(scheduler, steps, e.device)
    read = make_reader(denoiser, reference)
    generators = [torch.default_generator] * len(e) if generators is None else generators
    latents = draw_noise(denoiser, e, generators) * scheduler.init_noise_sigma
    options = step_options(scheduler, generators)
    total = len(scheduler.timesteps)
    for done, timestep in enumerate(scheduler.timesteps):
        if interrupted is not None and interrupted():
            break
        guided = guidance_interval[0] <= done / total < guidance_interval[1]
        predict = make_predict(denoiser, timestep, read(timestep), guidance_scale if guided else 1.0)
        if reuse_every > 1 and done % reuse_every == 0:
            for batch in batches:
                batch.empty_cache()
        prediction = mean_over(batches, scheduler.scale_model_input(latents, timestep), predict)
        latents = scheduler.step(prediction, timestep, latents, return_dict=False, **options)[0]
        if callback is not None:
            latents = callback(done, timestep, latents)
    return latents


def make_reader(denoiser: Denoiser, reference: Tensor | None) -> Callable[[Tensor], Any]:
    """Build what gives the denoiser's reading of a reference at each timestep, shared between calls where possible."""
    if reference is None:
        return lambda _: None
    if is_timed(denoiser):
        return lambda timestep: prepared(denoiser, denoiser.reference(reference, timestep))
    read = prepared(denoiser, denoiser.reference(reference, 0))
    return lambda _: read


def make_predict(denoiser: Denoiser, timestep: Tensor, read: Any | None, scale: float) -> Predict:
    """Build the function that one step applies to a batch of windows."""

    def predict(latents: Tensor, batch: WindowBatch) -> Tensor:
        guide = batch.guide()
        if scale <= 1 or read is None:
            return denoiser.predict(latents, timestep, guide, read, batch.cache)
        unconditional, conditional = predict_both(denoiser, latents, timestep, guide, read, batch.cache)
        return unconditional + scale * (conditional - unconditional)

    return predict


def check_interval(interval: tuple[float, float]) -> None:
    start, stop = interval
    if not 0 <= start <= stop <= 1:
        raise ConfigError(
            f"Guidance cannot run from {start:g} to {stop:g} of the steps; choose fractions from 0 to 1, in order."
        )


def check_known(scheduler: SchedulerMixin, steps: int) -> None:
    """Raise ConfigError for a scheduler that is not offered and does not find what a denoiser knows."""
    if type(scheduler) in OFFERED:
        return
    if not hasattr(scheduler, "alphas_cumprod") or "num_train_timesteps" not in scheduler.config:
        raise ConfigError(
            f"{type(scheduler).__name__} has no noise schedule of the kind that denoisers here are trained on; {ADVICE}"
        )
    tried = set_timesteps(scheduler, steps, torch.device("cpu"))
    check_known_answer(tried, lambda generator: step_options(tried, [generator]))


def set_timesteps(scheduler: SchedulerMixin, steps: int, device: torch.device) -> SchedulerMixin:
    """Return a copy set to this many steps: schedulers keep count, and the caller's may be in use elsewhere."""
    check_lcm(scheduler, steps)
    scheduler = kind_of(scheduler, steps).from_config(scheduler.config)
    set_steps(scheduler, steps, device)
    if isinstance(scheduler, EulerDiscreteScheduler):
        # float32 has no digits left for latents at the sigmas of almost no signal: 4096 is as much noise
        scheduler.sigmas = scheduler.sigmas.clamp(max=LARGEST_SIGMA)
    return scheduler


def draw_noise(denoiser: Denoiser, e: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    shape = (e.shape[1], denoiser.channels, *e.shape[3:])
    # made where the generator lives, so that a seed on the CPU gives the same noise for every device
    noise = [torch.randn(shape, generator=own, device=own.device, dtype=torch.float32) for own in generators]
    return torch.stack([clip.to(e.device) for clip in noise])


def step_options(scheduler: SchedulerMixin, generators: Sequence[torch.Generator]) -> dict[str, Any]:
    """Let a scheduler that adds noise draw it clip by clip, from the same generators as the first noise."""
    draws = "generator" in inspect.signature(scheduler.step).parameters
    return {"generator": list(generators)} if draws else {}


def fitting_window(denoiser: Denoiser, num_frames: int, window: int) -> int:
    limit = denoiser.window
    if limit is not None and min(window, num_frames) > limit:
        raise ConfigError(f"The denoiser sees {limit} frames at once; choose a window of at most {limit}.")
    return window
