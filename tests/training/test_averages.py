"""Averaged weights (EMA): what validation sees and what is left at the end, and never what is trained on."""

from __future__ import annotations

import pytest
import torch
from regression import watch

SLOPES = [[1.0, -2.0], [-3.0, 1.0], [0.5, 0.5], [2.0, 4.0], [-1.0, -1.0], [0.3, 2.0]]


def averages(raw, decay):
    """After each step: the decay rises from 0 as 1 - (1 + t)^(-3/4), t steps after the first, up to its own."""
    average, made = raw[0], []
    for step, weight in enumerate(raw[1:]):
        now = min(decay, 1 - (1 + step) ** -0.75) if step else 0.0
        average = now * average + (1 - now) * weight
        made.append(average)
    return made


@pytest.mark.parametrize("decay", [0.5, 0.9])
def test_validation_sees_the_averages_and_the_module_holds_them_at_the_end(tmp_path, decay):
    phase = watch(tmp_path, slopes=SLOPES, steps=6, ema=decay, validate_every=1)
    assert len(phase.validated) == 6
    raw = phase.module.seen  # before each step
    for seen, expected in zip(phase.validated, averages(raw, decay), strict=False):
        torch.testing.assert_close(seen, expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(phase.module.weight.detach(), phase.validated[-1])
    apart = [
        float((seen - weight).abs().max()) for seen, weight in zip(phase.validated, raw[1:], strict=False)
    ]
    assert max(apart) > 0.01


def test_training_goes_on_from_the_trained_weights_and_not_from_the_averages(tmp_path):
    often = watch(tmp_path / "often", slopes=SLOPES, steps=12, ema=0.9, validate_every=2)
    seldom = watch(tmp_path / "seldom", slopes=SLOPES, steps=12, ema=0.9, validate_every=12)
    plain = watch(tmp_path / "plain", slopes=SLOPES, steps=12)
    for trained in (often, seldom):
        assert all(torch.equal(*pair) for pair in zip(trained.module.seen, plain.module.seen, strict=True))
    assert torch.equal(often.module.weight, seldom.module.weight)
    assert often.module.training


def test_without_averages_the_last_weights_are_left(tmp_path):
    phase = watch(tmp_path, slopes=SLOPES, steps=6, validate_every=3)
    assert torch.equal(phase.validated[0], phase.module.seen[3])
    assert torch.equal(phase.validated[-1], phase.module.weight.detach())


def test_averages_go_on_where_they_were_after_a_stop(tmp_path):
    options = {"slopes": SLOPES, "ema": 0.9, "checkpoint_every": 3}
    whole = watch(tmp_path / "whole", steps=6, **options)
    watch(tmp_path / "cut", steps=3, **options)
    resumed = watch(tmp_path / "cut", steps=6, **options)
    assert torch.equal(whole.module.weight, resumed.module.weight)
