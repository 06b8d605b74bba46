"""Start the weights of a VAE as plain averaging and enlarging, which training then refines.

From random weights a small `AutoencoderKL` needs hundreds of steps before it shows any colour: each layer
shrinks the signal, group normalisation removes a frame's mean and contrast, and the posterior starts as noise.
"""

from __future__ import annotations

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

from signvip.models.pixel_vae import PixelNorm

CONSTANT = 4.0  # two channels hold +-this: the deviation that is divided by then hardly depends on the frame
NOISE = 0.1  # share of the usual random weights that is kept: equal channels would stay equal
LOG_VARIANCE = -8.0
COLOURS = 3


@torch.no_grad()
def start_as_average(vae: AutoencoderKL) -> None:
    """Latents become local mean colours, and images these colours again.

    It takes blocks of 2 * (latent channels + 1) channels; a VAE with narrower ones keeps its random weights.
    A signal x travels as the pair x, -x: silu(x) - silu(-x) = x takes it through the last activation unchanged.
    """
    latents = vae.config["latent_channels"]
    if min(vae.config["block_out_channels"]) < 2 * (latents + 1):
        return
    for module in vae.modules():
        if isinstance(module, ResnetBlock2D):
            for parameter in module.conv2.parameters():
                nn.init.zeros_(parameter)
            if module.conv_shortcut is not None:
                _add(module.conv_shortcut, _identity(module.conv_shortcut))
    for block in vae.encoder.down_blocks[:-1]:
        _add(block.downsamplers[0].conv, _mean_of_four(block.downsamplers[0].conv))
    for block in vae.decoder.up_blocks[:-1]:
        _add(block.upsamplers[0].conv, _identity(block.upsamplers[0].conv))
    _split(vae.encoder.conv_in, COLOURS)
    _join(vae.encoder.conv_norm_out, vae.encoder.conv_out, copies=1)
    _split(vae.decoder.conv_in, latents)
    _join(
        vae.decoder.conv_norm_out, vae.decoder.conv_out, copies=vae.decoder.conv_out.out_channels // COLOURS
    )
    _add(vae.quant_conv, _identity(vae.quant_conv))
    vae.quant_conv.weight[latents:] = 0
    _bias(vae.quant_conv)[latents:] = LOG_VARIANCE
    _add(vae.post_quant_conv, _identity(vae.post_quant_conv))


def _add(conv: nn.Conv2d, weight: Tensor) -> None:
    conv.weight.mul_(NOISE).add_(weight)
    _bias(conv).zero_()


def _identity(conv: nn.Conv2d) -> Tensor:
    return nn.init.dirac_(torch.empty_like(conv.weight))


def _mean_of_four(conv: nn.Conv2d) -> Tensor:
    """diffusers pads below and to the right, so a pixel's own square begins at the kernel's corner."""
    weight = torch.zeros_like(conv.weight)
    weight[:, :, :2, :2] = torch.eye(conv.out_channels)[:, :, None, None] / 4
    return weight


def _split(conv: nn.Conv2d, signals: int) -> None:
    """Signal k to the pair 2k, 2k+1; the pair after them is constant.

    A signal is a channel, or the mean of those that a stem folded its pixels into.
    """
    weight, middle = torch.zeros_like(conv.weight), conv.kernel_size[0] // 2
    share = conv.in_channels // signals
    for signal in range(signals):
        channels = slice(share * signal, share * (signal + 1))
        weight[2 * signal, channels, middle, middle] = 1 / share
        weight[2 * signal + 1, channels, middle, middle] = -1 / share
    _add(conv, weight)
    _bias(conv)[2 * signals : 2 * signals + 2] = torch.tensor([CONSTANT, -CONSTANT])


def _join(norm: nn.GroupNorm | PixelNorm, conv: nn.Conv2d, copies: int) -> None:
    """Map the pair 2k, 2k+1 to `copies` channels from k on, after a norm that divides by about a known number."""
    weight, middle = torch.zeros_like(conv.weight), conv.kernel_size[0] // 2
    for signal in range(COLOURS):
        channels = slice(copies * signal, copies * (signal + 1))
        weight[channels, 2 * signal : 2 * signal + 2, middle, middle] = torch.tensor([1.0, -1.0])
    _add(conv, weight)
    norm.weight.fill_((2 * (1 + CONSTANT**2) / conv.in_channels * norm.num_groups) ** 0.5)


def _bias(conv: nn.Conv2d) -> Tensor:
    assert conv.bias is not None
    return conv.bias
