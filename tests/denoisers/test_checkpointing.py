"""Gradient checkpointing: both U-Nets compute their blocks again, and the gradients stay what they are."""

from __future__ import annotations

import pytest
import torch
from small import small_config

from signvip.models.networks import new_video_networks
from signvip.stages.video_loss import VideoDiffusion


def networks(config, motion):
    torch.manual_seed(0)
    return VideoDiffusion(config, *new_video_networks(config, motion=motion))


def gradients(stage1, motion):
    """Gradients of one step by name, and how often the U-Nets' first layers were begun."""
    config = small_config(stage1=stage1)
    nets, calls = networks(config, motion), []
    for net in (nets.denoiser, nets.reference_net):
        # before the layer: computed again, it stops at the last tensor that is needed
        net.unet.down_blocks[0].resnets[0].register_forward_pre_hook(lambda *_: calls.append(1))
    side = config.size[0] // nets.encoder.factor
    generator = torch.Generator().manual_seed(1)
    batch = {
        "latents": torch.randn(2, 3, 4, side, side, generator=generator),
        "reference": torch.randn(2, 4, side, side, generator=generator),
        "conditions": torch.zeros(2, 3, 3 * len(config.conditions), *config.size, dtype=torch.uint8),
        "step": 0,
    }
    torch.manual_seed(2)
    nets(batch)[0].backward()
    found = {name: weight.grad for name, weight in nets.named_parameters() if weight.grad is not None}
    return found, len(calls)


@pytest.mark.parametrize("motion", [False, True], ids=["image", "motion"])
def test_gradients_are_the_same_and_layers_are_begun_twice(motion):
    plain, once = gradients({}, motion)
    again, twice = gradients({"gradient_checkpointing": True}, motion)
    assert plain.keys() == again.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(again[name], gradient, rtol=1e-5, atol=1e-7)
    assert (once, twice) == (2, 4)
