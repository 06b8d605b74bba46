"""Usage and perplexity over several batches."""

from __future__ import annotations

import pytest
import torch

from signvip.models.code_usage import CodeUsage


def test_counts_over_batches_not_within_them():
    usage = CodeUsage(8)
    usage.add(torch.tensor([[[0, 1]]]))
    usage.add(torch.tensor([2, 3, 3, 3]))
    assert usage.usage == 0.5
    shares = torch.tensor([1, 1, 1, 3]) / 6
    assert usage.perplexity == pytest.approx(float((-(shares * shares.log()).sum()).exp()))


def test_equal_use_of_all_codes_has_the_perplexity_of_the_codebook():
    usage = CodeUsage(625)
    usage.add(torch.arange(625))
    assert usage.usage == 1 and usage.perplexity == pytest.approx(625)


def test_nothing_seen_yet():
    assert (CodeUsage(4).usage, CodeUsage(4).perplexity) == (0, 0)
