"""Frames of a clip in order, before its last ones are done: the same as all at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import signvip
from signvip.sampling.in_order import steps_apart
from signvip.sampling.sampler import make_scheduler

FRAMES = 21  # of windows of 8 that share 2: three and a rest, whose last is shifted or reflected


@pytest.fixture(scope="module")
def load(trained):
    plain = signvip.SignVipPipeline.from_pretrained(trained.run)

    def load(scheduler="ddim", **options):
        pipe = signvip.SignVipPipeline.from_pretrained(trained.run, **options) if options else plain
        pipe.set_progress_bar_config(disable=True)
        pipe.scheduler = make_scheduler(scheduler, pipe.scheduler.config)
        return pipe

    return load


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)


def tokens_of(pipe, frames=FRAMES):
    drawn = torch.Generator().manual_seed(5)
    return torch.randint(
        pipe.autoencoder.vocab_size, (frames, pipe.autoencoder.tokens_per_frame), generator=drawn
    )


def both(pipe, picture, frames=FRAMES, **options):
    """Frames of the stream, and of a call."""
    tokens = tokens_of(pipe, frames)
    seeds = [torch.Generator().manual_seed(3) for _ in range(2)]
    streamed = list(pipe.stream(tokens, picture, generator=seeds[0], **options))
    called = pipe("", picture, tokens=tokens, generator=seeds[1], output_type="stream", **options).frames
    return np.concatenate(streamed), np.concatenate(list(called))


@pytest.mark.parametrize("scheduler", ["ddim", "dpm++", "euler", "unipc", "ddpm", "lcm"])
def test_streamed_frames_are_those_of_a_call_with_any_scheduler(load, picture, scheduler):
    pipe = load(scheduler)
    streamed, called = both(pipe, picture, num_inference_steps=3, guidance_scale=1.0)
    assert len(called) == FRAMES and np.array_equal(streamed, called)
    assert steps_apart(pipe.scheduler) == (scheduler in ("ddim", "dpm++", "euler"))


@pytest.mark.parametrize(
    "options",
    [
        {"tail": "reflected"},
        {"window_batch": 3},
        {"overlap": 5},
        {"overlap": 0},
        {"window_batch": 2, "tail": "reflected"},
        {"reuse_every": 2},
        {"guidance_start": 0.3, "guidance_stop": 0.8},
    ],
    ids=lambda options: "-".join(f"{name}-{value}" for name, value in options.items()),
)
def test_streamed_frames_are_those_of_a_call_with_any_option(load, picture, options):
    streamed, called = both(load(**options), picture, num_inference_steps=3, guidance_scale=2.0)
    assert len(called) == FRAMES and np.array_equal(streamed, called)


@pytest.mark.parametrize("frames", [1, 8, 9])
def test_streamed_frames_are_those_of_a_call_at_any_length(load, picture, frames):
    streamed, called = both(load(), picture, frames)
    assert len(called) == frames and np.array_equal(streamed, called)


@pytest.mark.parametrize("frames", [50, 200])
def test_the_first_frames_wait_for_as_many_calls_in_a_clip_of_any_length(load, picture, monkeypatch, frames):
    pipe = load(overlap=0)
    calls, predict = [], pipe.denoiser.predict
    monkeypatch.setattr(pipe.denoiser, "predict", lambda *given: calls.append(1) or predict(*given))
    parts = pipe.stream(tokens_of(pipe, frames), picture, num_inference_steps=3, guidance_scale=1.0)
    assert len(next(parts)) == 8
    assert len(calls) == 3  # without overlap no window waits for another
    next(parts)
    assert len(calls) == 6


def test_with_an_overlap_the_first_frames_wait_for_the_neighbours_steps_before(load, picture, monkeypatch):
    pipe = load(overlap=2)
    calls, predict = [], pipe.denoiser.predict
    monkeypatch.setattr(pipe.denoiser, "predict", lambda *given: calls.append(1) or predict(*given))
    parts = pipe.stream(tokens_of(pipe, 60), picture, num_inference_steps=3, guidance_scale=1.0)
    next(parts)  # eight frames, of which two are the second window's
    assert len(calls) == 3 * 4 // 2 + 3


def test_no_further_window_is_made_once_it_is_interrupted(load, picture, monkeypatch):
    pipe = load(overlap=0)
    calls, predict, stop = [], pipe.denoiser.predict, []
    monkeypatch.setattr(pipe.denoiser, "predict", lambda *given: calls.append(1) or predict(*given))
    parts = pipe.stream(
        tokens_of(pipe, 80),
        picture,
        num_inference_steps=2,
        guidance_scale=1.0,
        interrupted=lambda: bool(stop),
    )
    next(parts)
    made = len(calls)
    stop.append(True)
    assert list(parts) == [] and len(calls) == made
