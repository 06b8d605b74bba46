from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from torch import nn

UNET = {"block_out_channels": (8, 16), "layers_per_block": 1, "attention_heads": 2, "norm_num_groups": 4}
MOTION = {"motion_heads": 2, "motion_max_frames": 8}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def denoiser() -> Denoiser:
    return Denoiser(**UNET, **MOTION)


@pytest.fixture
def reference_net(denoiser) -> ReferenceNet:
    return ReferenceNet(**denoiser.unet_options)


@pytest.fixture
def guider(denoiser) -> Guider:
    return Guider(embedding_channels=6, injection="conv_in+down_blocks", **denoiser.guider_options)


@pytest.fixture
def shake() -> Callable[[nn.Module], nn.Module]:
    """Give a network's zero-initialised weights a value, as training would."""

    def shaken(network: nn.Module) -> nn.Module:
        with torch.no_grad():
            for parameter in network.parameters():
                parameter += 0.1 * torch.randn_like(parameter)
        return network

    return shaken
