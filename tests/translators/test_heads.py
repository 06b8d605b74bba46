from __future__ import annotations

import pytest
import torch
from reference import LoopedHeads
from signvip_translators.parallel_heads import FIRST_ROOM, HeadCache, ParallelHeads


@pytest.fixture(params=[12, 24], ids=["narrow", "as wide as the trunk"])
def heads(request):
    torch.manual_seed(0)
    made = ParallelHeads(5, 24, request.param, attention_heads=2, outputs=7, dropout=0.1).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made


def test_the_batched_heads_equal_a_loop_over_heads(heads):
    states = torch.randn(3, 6, 24)
    torch.testing.assert_close(heads(states), LoopedHeads(heads)(states), atol=1e-5, rtol=1e-4)


def test_frame_by_frame_with_a_cache_equals_all_frames_at_once(heads):
    states = torch.randn(2, FIRST_ROOM + 3, 24)  # so that the cache has to grow
    cache = HeadCache()
    steps = [
        heads(states[:, :2], cache),
        *(heads(states[:, f : f + 1], cache) for f in range(2, states.shape[1])),
    ]
    torch.testing.assert_close(torch.cat(steps, dim=2), heads(states), atol=1e-5, rtol=1e-4)


def test_weights_in_another_order_are_the_same_and_return_for_training(heads):
    states = torch.randn(1, 4, 24)
    expected, before = heads(states), {name: value.clone() for name, value in heads.state_dict().items()}
    heads.order_by_outputs()
    assert heads.widen.weight.mT.is_contiguous() and not heads.widen.weight.is_contiguous()
    assert all(torch.equal(value, before[name]) for name, value in heads.state_dict().items())
    cache = HeadCache()
    with torch.no_grad():
        steps = [
            heads(states[:, f : f + 1], cache) for f in range(4)
        ]  # one row for each head, and many below
    torch.testing.assert_close(torch.cat(steps, dim=2), expected, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(heads(states), expected, atol=1e-5, rtol=1e-4)
    heads.train()
    assert all(parameter.is_contiguous() for parameter in heads.parameters())
    assert all(torch.equal(value, before[name]) for name, value in heads.state_dict().items())


def test_no_frame_sees_a_later_one(heads):
    states = torch.randn(1, 6, 24)
    changed = states.clone()
    changed[:, 4:] += 1
    difference = (heads(states) - heads(changed)).abs().amax(dim=(0, 1, 3))
    assert difference[:4].max() == 0 and difference[4:].min() > 0


def test_each_head_learns_by_itself(heads):
    heads(torch.randn(2, 3, 24))[1].sum().backward()
    for parameter in heads.parameters():
        others = parameter.grad[[0, 2, 3, 4]]
        assert others.abs().max() == 0
