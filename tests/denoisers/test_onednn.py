"""The same layers by oneDNN: same results and weights, and gradients as before."""

from __future__ import annotations

import pytest
import torch
from signvip_denoisers.animatediff.onednn import AVAILABLE, Linear, Pointwise, prefer_onednn
from torch import nn

LAYERS = {
    "linear": (lambda: nn.Linear(12, 9), (2, 5, 12)),
    "linear without bias": (lambda: nn.Linear(12, 9, bias=False), (5, 12)),
    "1x1": (lambda: nn.Conv2d(12, 9, 1), (2, 12, 5, 4)),
    "1x1, halving": (lambda: nn.Conv2d(12, 9, 1, stride=2), (2, 12, 5, 4)),
}


@pytest.fixture(params=LAYERS)
def pair(request):
    build, shape = LAYERS[request.param]
    plain, fast = build(), build()
    fast.load_state_dict(plain.state_dict())
    prefer_onednn(fast)
    assert isinstance(fast, (Linear, Pointwise))
    return plain, fast, torch.randn(shape)


def test_results_are_those_of_pytorch_s_own_choice(pair):
    plain, fast, x = pair
    with torch.no_grad():
        torch.testing.assert_close(fast(x), plain(x))
        apart = torch.stack([x, x], dim=-1)[..., 0]  # neither contiguous nor channels last
        torch.testing.assert_close(fast(apart), plain(x))


@pytest.mark.skipif(not AVAILABLE, reason="this PyTorch has no oneDNN")
def test_they_run_by_onednn_where_no_gradient_is_asked_for_and_in_single_precision(pair):
    plain, fast, x = pair

    def operators(x):
        with torch.profiler.profile() as seen:
            fast(x)
        return {event.key for event in seen.key_averages() if event.key.startswith("mkldnn::")}

    assert not operators(x)  # training
    with torch.no_grad():
        assert operators(x)
        with torch.autocast("cpu", torch.bfloat16):
            assert not operators(x) and fast(x).dtype == plain(x).dtype == torch.bfloat16
        fast.bfloat16()
        assert not operators(x.bfloat16())


def test_gradients_are_those_of_pytorch_s_own_choice(pair):
    plain, fast, x = pair
    for layer in (plain, fast):
        layer(x).square().sum().backward()
    for ours, theirs in zip(fast.parameters(), plain.parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_what_is_no_such_layer_is_left_alone():
    network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.Conv2d(3, 3, 1, padding=1), nn.LayerNorm(3))
    prefer_onednn(network)
    assert [type(layer) for layer in network] == [nn.Conv2d, nn.Conv2d, nn.LayerNorm]
