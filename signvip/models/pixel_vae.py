"""A VAE for small pictures with small hands: diffusers' `AutoencoderKL` with another stem, another norm, or both.

Weights have the names that they have there, so `start_as_average` and whitening find them.
"""

from __future__ import annotations

from typing import Literal

from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional

Stem = Literal["convolution", "pixel_unshuffle"]
Norm = Literal["group", "pixel"]
FOLD = 2  # pixels on a side that PixelUnshuffle makes channels of


class PixelVae(AutoencoderKL, ModelMixin):  # diffusers looks for a base of its own in a part's module
    """An `AutoencoderKL` whose config also says how pixels come in and go out, and what is normalised.

    `pixel_unshuffle` folds squares of 2x2 pixels into channels, and unfolds them at the end: the widest maps, which
    take most of the time, have a quarter of the places. `pixel` normalises over the channels of each place alone: a
    norm over the picture lets a bright wall change how a finger is drawn, and makes crops other pictures than frames.
    """

    @register_to_config
    def __init__(
        self,
        in_channels: int = 3,
        out_channels: int = 3,
        down_block_types: tuple[str, ...] = ("DownEncoderBlock2D",),
        up_block_types: tuple[str, ...] = ("UpDecoderBlock2D",),
        block_out_channels: tuple[int, ...] = (64,),
        layers_per_block: int = 1,
        act_fn: str = "silu",
        latent_channels: int = 4,
        norm_num_groups: int = 1,
        sample_size: int = 32,
        scaling_factor: float = 1.0,
        shift_factor: float | None = None,
        latents_mean: tuple[float, ...] | None = None,
        latents_std: tuple[float, ...] | None = None,
        force_upcast: bool = True,
        use_quant_conv: bool = True,
        use_post_quant_conv: bool = True,
        mid_block_add_attention: bool = False,
        stem: Stem = "convolution",
        norm: Norm = "pixel",
    ) -> None:
        super().__init__(
            in_channels=in_channels, out_channels=out_channels, down_block_types=down_block_types,
            up_block_types=up_block_types, block_out_channels=block_out_channels, layers_per_block=layers_per_block,
            act_fn=act_fn, latent_channels=latent_channels, norm_num_groups=norm_num_groups, sample_size=sample_size,
            scaling_factor=scaling_factor, shift_factor=shift_factor, latents_mean=latents_mean,
            latents_std=latents_std, force_upcast=force_upcast, use_quant_conv=use_quant_conv,
            use_post_quant_conv=use_post_quant_conv, mid_block_add_attention=mid_block_add_attention,
        )  # fmt: skip
        if stem == "pixel_unshuffle":
            first, places = block_out_channels[0], FOLD**2
            self.encoder.conv_in = FoldingConv(in_channels * places, first, 3, padding=1)
            self.decoder.conv_out = UnfoldingConv(first, out_channels * places, 3, padding=1)
            self.tile_latent_min_size //= FOLD  # diffusers counts levels
        if norm == "pixel":
            _replace_norms(self)


class FoldingConv(nn.Conv2d):
    """A convolution of pictures (B, C, H, W) whose squares of 2x2 became channels: (B, 4C, H/2, W/2) goes in."""

    def forward(self, images: Tensor) -> Tensor:
        """Fold, then convolve."""
        return super().forward(functional.pixel_unshuffle(images, FOLD))


class UnfoldingConv(nn.Conv2d):
    """A convolution whose result (B, 4C, h, w) unfolds to pictures (B, C, 2h, 2w)."""

    def forward(self, features: Tensor) -> Tensor:
        """Convolve, then unfold."""
        return functional.pixel_shuffle(super().forward(features), FOLD)


class PixelNorm(nn.LayerNorm):
    """Zero mean and unit deviation over the channels (B, C, ...) of each place, then a scale and a shift a channel."""

    num_groups = 1  # as of the norm that it stands for

    def forward(self, features: Tensor) -> Tensor:
        """Normalise over dimension 1."""
        return super().forward(features.movedim(1, -1)).movedim(-1, 1)


def _replace_norms(network: nn.Module) -> None:
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.GroupNorm):
                setattr(module, name, PixelNorm(child.num_channels, eps=child.eps))
