"""Sampling in the order of time: a clip's first latents are done long before its last.

A window's last step needs the step before of its neighbours, that one the step before of theirs, and so on. So with S
steps the first window is done after S (S + 1) / 2 calls of the denoiser, however long the clip is, and each further
one after S more. Every number comes from the same operations in the same order as in `sample`, and is the same.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler
from torch import Tensor

from signvip.sampling.sampler import (
    check_interval,
    check_known,
    draw_noise,
    fitting_window,
    make_predict,
    make_reader,
    sample,
    set_timesteps,
    step_options,
)
from signvip.sampling.windows import Predict, Tail, WindowBatch, make_batches, windows

if TYPE_CHECKING:
    from diffusers import SchedulerMixin

    from signvip.contracts import Denoiser

# Their steps work number by number and draw no noise, so that a part of a clip steps as the whole would.
APART = (DDIMScheduler, DPMSolverMultistepScheduler, EulerDiscreteScheduler)


@torch.no_grad()
def sample_in_order(
    denoiser: Denoiser,
    scheduler: SchedulerMixin,
    reference: Tensor | None,  # (1, 4, h, w)
    e: Tensor,  # (1, F, C, h, w)
    *,
    steps: int,
    guidance_scale: float,
    generator: torch.Generator | None = None,
    guidance_interval: tuple[float, float] = (0.0, 1.0),
    window: int = 24,
    overlap: int = 4,
    tail: Tail = "shifted",
    window_batch: int = 1,
    reuse_every: int = 1,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[Tensor]:
    """Yield the latents (f, 4, h, w) of one clip in order, as soon as they are done: those of `sample`, bit for bit.

    A scheduler that draws noise at each step needs the whole clip for it, which is then yielded in one piece.
    Once something `interrupted` it, no further call is made of the denoiser, and nothing more is yielded.
    """
    if not steps_apart(scheduler):
        whole = sample(
            denoiser,
            scheduler,
            reference,
            e,
            steps=steps,
            guidance_scale=guidance_scale,
            guidance_interval=guidance_interval,
            generators=None if generator is None else [generator],
            window=window,
            overlap=overlap,
            tail=tail,
            window_batch=window_batch,
            reuse_every=reuse_every,
            interrupted=interrupted,
        )[0]
        if interrupted is None or not interrupted():
            yield whole
        return
    check_interval(guidance_interval)
    parts = windows(e.shape[1], fitting_window(denoiser, e.shape[1], window), overlap, tail)
    check_known(scheduler, steps)
    scheduler = set_timesteps(scheduler, steps, e.device)
    generators = [torch.default_generator if generator is None else generator]
    read = make_reader(denoiser, reference)
    total = len(scheduler.timesteps)

    @functools.cache  # a reference that is read for each timestep is read once, not for every window
    def predict_at(step: int) -> Predict:
        start, stop = guidance_interval
        scale = guidance_scale if start <= step / total < stop else 1.0
        timestep = scheduler.timesteps[step]
        return make_predict(denoiser, timestep, read(timestep), scale)

    wave = _Wave(
        scheduler,
        make_batches(parts, window_batch, denoiser, e),
        draw_noise(denoiser, e, generators) * scheduler.init_noise_sigma,
        step_options(scheduler, generators),
        reuse_every,
    )
    told = 0
    while told < e.shape[1] and not (interrupted is not None and interrupted()):
        ready = wave.advance(predict_at)
        if ready > told:
            yield wave.latents[0, told:ready].clone()
        told = ready


def steps_apart(scheduler: SchedulerMixin) -> bool:
    """Whether parts of a clip can take a scheduler's steps by themselves."""
    return type(scheduler) in APART and not str(scheduler.config.get("algorithm_type", "")).startswith("sde")


class _Wave:
    """How far each window of a clip is: no window is a step behind the one after it."""

    def __init__(
        self,
        scheduler: SchedulerMixin,
        batches: Sequence[WindowBatch],
        noise: Tensor,
        options: dict[str, Any],
        reuse_every: int,
    ) -> None:
        self.latents, self.batches, self.options, self.reuse_every = noise, batches, options, reuse_every
        self.timesteps = scheduler.timesteps
        # as `mean_over`: all windows that see a frame are summed, then counted out
        self.total, self.count = torch.zeros_like(noise), noise.new_zeros(1, noise.shape[1], 1, 1, 1)
        # of the frames that a batch is the last to see; a scheduler remembers the steps before, of its own frames
        self.schedulers = [copy.deepcopy(scheduler) for _ in batches]
        firsts, lasts = ([int(end(batch.frames)) for batch in batches] for end in (torch.min, torch.max))
        self.lasts = lasts
        unseen = [min(firsts[place:], default=noise.shape[1]) for place in range(len(batches) + 1)]
        self.ends = unseen[1:]  # the frames before are seen by no later batch
        self.done = [0] * len(self.timesteps)  # batches that have taken each step

    def advance(self, predict_at: Callable[[int], Predict]) -> int:
        """Take a step of one batch, the latest step that can be taken, and return how many frames are done."""
        step = next(step for step in reversed(range(len(self.done))) if self._can_take(step))
        place = self.done[step]
        batch, scheduler = self.batches[place], self.schedulers[place]
        if self.reuse_every > 1 and step % self.reuse_every == 0:
            batch.empty_cache()
        seen = scheduler.scale_model_input(batch.pick(self.latents), self.timesteps[step])
        made = predict_at(step)(seen, batch).unflatten(0, (1, -1))
        for window, (frames, places) in zip(made.unbind(1), batch.seen, strict=True):
            self.total[:, frames] += window[:, places]
            self.count[:, frames] += 1
        own = slice(self.ends[place - 1] if place else 0, self.ends[place])
        prediction = self.total[:, own] / self.count[:, own]
        self.total[:, own], self.count[:, own] = 0, 0
        stepped = scheduler.step(
            prediction, self.timesteps[step], self.latents[:, own], return_dict=False, **self.options
        )
        self.latents[:, own] = stepped[0]
        self.done[step] += 1
        return self._ready(len(self.done))

    def _can_take(self, step: int) -> bool:
        place = self.done[step]
        return place < len(self.batches) and self.lasts[place] < self._ready(step)

    def _ready(self, steps: int) -> int:
        """How many frames have taken so many steps."""
        if steps == 0:
            return self.latents.shape[1]
        place = self.done[steps - 1]
        return self.ends[place - 1] if place else 0
