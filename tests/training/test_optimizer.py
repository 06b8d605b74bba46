"""What a step does to weights, written out: schedule, warm-up, clipping, accumulation, AdamW with its options."""

from __future__ import annotations

import math

import pytest
import torch
from regression import watch

from signvip.training import loop as training


@pytest.fixture
def descent(monkeypatch):
    """Plain gradient descent in AdamW's place: a step is the rate times the gradient that reached it."""

    def build(options, parameters):
        return torch.optim.SGD(parameters, options.learning_rate)

    monkeypatch.setattr(training, "build_optimizer", build)


def steps_of(phase):
    """How far each step took the weights (steps, 2)."""
    return -torch.diff(torch.stack([*phase.module.seen, phase.module.weight.detach()]), dim=0)


@pytest.mark.parametrize(
    ("options", "share"),
    [
        ({}, lambda step: 1.0),
        ({"warmup": 4}, lambda step: min(1.0, step / 4)),
        ({"schedule": "cosine"}, lambda step: (1 + math.cos(math.pi * step / 12)) / 2),
        (
            {"schedule": "cosine", "warmup": 4},
            lambda step: step / 4 if step < 4 else (1 + math.cos(math.pi * (step - 4) / 8)) / 2,
        ),
    ],
    ids=["constant", "warm-up", "cosine", "cosine after warm-up"],
)
def test_the_rate_of_each_step_follows_the_schedule(tmp_path, descent, options, share):
    phase = watch(tmp_path, steps=12, **options)  # the gradient (1, 1) is clipped to length 1
    expected = torch.tensor([[0.1 * share(step) / math.sqrt(2)] * 2 for step in range(12)])
    torch.testing.assert_close(steps_of(phase), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("accumulation", [1, 3])
def test_the_schedule_counts_steps_and_not_their_parts(tmp_path, descent, accumulation):
    phase = watch(tmp_path, steps=4, warmup=4, accumulation=accumulation)
    lengths = steps_of(phase).norm(dim=1)[accumulation - 1 :: accumulation]
    torch.testing.assert_close(lengths, torch.tensor([0.0, 0.025, 0.05, 0.075]), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("clip_norm", "step"), [(1.0, (0.06, 0.08)), (5.0, (0.3, 0.4)), (80.0, (3.0, 4.0)), (0.0, (3.0, 4.0))]
)
def test_gradients_are_clipped_by_their_norm_over_all_weights(tmp_path, descent, clip_norm, step):
    phase = watch(tmp_path, steps=1, slopes=[[30.0, 40.0]], clip_norm=clip_norm)
    torch.testing.assert_close(steps_of(phase)[0], torch.tensor(step), rtol=1e-4, atol=1e-6)


def test_a_step_of_several_parts_takes_the_mean_of_their_gradients_and_clips_that(tmp_path, descent):
    slopes = [[30.0, -20.0], [0.0, 100.0]]  # each far longer than their mean (15, 40) is allowed to be
    whole = watch(tmp_path / "whole", steps=2, slopes=slopes, accumulation=2, clip_norm=0.0)
    moved = whole.module.seen[0] - whole.module.seen[2]
    torch.testing.assert_close(moved, torch.tensor([1.5, 4.0]), rtol=1e-4, atol=1e-6)
    clipped = watch(tmp_path / "clipped", steps=2, slopes=slopes, accumulation=2, clip_norm=1.0)
    moved = clipped.module.seen[0] - clipped.module.seen[2]
    expected = 0.1 * torch.tensor([15.0, 40.0]) / math.hypot(15, 40)
    torch.testing.assert_close(moved, expected, rtol=1e-4, atol=1e-6)


def test_gradients_of_one_step_are_gone_in_the_next(tmp_path, descent):
    phase = watch(tmp_path, steps=2, slopes=[[1.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(steps_of(phase), 0.1 * torch.eye(2), rtol=1e-4, atol=1e-6)


def test_adamw_with_its_betas_and_decay_of_weights(tmp_path):
    betas, decay, rate = (0.8, 0.95), 0.25, 0.1
    slopes = [[0.3, -0.1], [-0.2, 0.4], [0.1, 0.1], [0.5, -0.2]]  # all below the norm where clipping begins
    phase = watch(tmp_path, steps=4, slopes=slopes, betas=betas, weight_decay=decay, learning_rate=rate)
    weight = torch.tensor([2.0, -3.0])
    first, second = torch.zeros(2), torch.zeros(2)
    for step, slope in enumerate(torch.tensor(slopes), start=1):
        torch.testing.assert_close(phase.module.seen[step - 1], weight, rtol=1e-5, atol=1e-6)
        first = betas[0] * first + (1 - betas[0]) * slope
        second = betas[1] * second + (1 - betas[1]) * slope.square()
        unbiased = first / (1 - betas[0] ** step) / (second / (1 - betas[1] ** step)).sqrt()
        weight = weight * (1 - rate * decay) - rate * unbiased
    torch.testing.assert_close(phase.module.weight.detach(), weight, rtol=1e-5, atol=1e-6)
