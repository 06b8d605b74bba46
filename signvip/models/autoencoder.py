"""The autoencoder around any quantizer (step II, section 3.5): embeddings e to tokens d and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.attention_processor import Attention as SelfAttention
from diffusers.models.autoencoders.vae import Encoder
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.unets.unet_2d_blocks import AttnUpDecoderBlock2D, UNetMidBlock2D, UpDecoderBlock2D
from diffusers.models.upsampling import Upsample2D
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn
from torch.nn import functional

from signvip.contracts import Quantized, Quantizer
from signvip.errors import ConfigError, MismatchError, PluginError
from signvip.models.tokenizer import EmbeddingTokenizer
from signvip.registry import build

SPREAD = 1.8  # the sigmoid of a logistic variable of this deviation is uniform: every level of Eq. 2 in use


Attention = Literal["mid", "lowest+mid"]
"""Where the autoencoder attends: in its middle, as a VAE (the paper); at its lowest level too (the authors' code)."""


class Autoencoder(EmbeddingTokenizer, ModelMixin):  # diffusers looks for the name ModelMixin in this module
    """Halves `grid` (h, w) once per step of `block_out_channels`, rounding down; quantizes; doubles it again.

    The quantizer is any registered one, by name; its `dim` is the number of latent channels. `tokens` (h', w') is the
    grid of tokens that the last one is averaged to, where another than that is wanted.
    """

    spread_by = (SelfAttention,)  # beside its residual blocks, where weights are spread over processes

    @register_to_config
    def __init__(
        self,
        *,
        embedding_channels: int,
        grid: tuple[int, int],
        quantizer: str = "fsq",
        quantizer_config: Mapping[str, Any] | None = None,
        block_out_channels: Sequence[int] = (32, 64, 128),
        layers_per_block: int = 1,
        norm_num_groups: int = 8,
        attention: Attention = "mid",
        tokens: tuple[int, int] | None = None,
    ) -> None:
        super().__init__()
        self.grids = halvings(grid, len(block_out_channels) - 1)
        self._token_grid = _averaged(self.grids[-1], tokens)
        # Not named `quantizer`: diffusers would answer with the option of that name instead of the module.
        self.bottleneck = _checked(build("quantizer", quantizer, **(quantizer_config or {})), quantizer)
        self.encoder = Encoder(
            in_channels=embedding_channels,
            out_channels=self.quantizer.dim,
            down_block_types=_down_types(len(block_out_channels), attention),
            block_out_channels=tuple(block_out_channels),
            layers_per_block=layers_per_block,
            norm_num_groups=norm_num_groups,
            double_z=False,
        )
        _spread(self.encoder.conv_out)
        self.decoder = Decoder(
            self.quantizer.dim,
            embedding_channels,
            block_out_channels,
            layers_per_block,
            norm_num_groups,
            attention,
        )
        self.register_buffer("mean", torch.zeros(embedding_channels))
        self.register_buffer("std", torch.ones(embedding_channels))

    @property
    def quantizer(self) -> Quantizer:
        return cast(Quantizer, self.bottleneck)

    @property
    def token_grid(self) -> tuple[int, int]:
        """(h', w') of a frame's tokens, row-major."""
        return self._token_grid

    @property
    def cells(self) -> tuple[int, int]:
        return self.grids[0]

    @property
    def bottlenecks(self) -> Sequence[nn.Module]:
        return [self.bottleneck]

    @property
    def tokens_per_frame(self) -> int:
        return self.token_grid[0] * self.token_grid[1]

    @property
    def vocab_size(self) -> int:
        return self.quantizer.vocab_size

    @property
    def digits(self) -> Sequence[int] | None:
        found = getattr(self.quantizer, "digits", None)
        return None if found is None else tuple(found)

    @property
    def decoding(self) -> nn.Module:
        return self.decoder

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Set each channel's mean and deviation (C,), measured on training data."""
        self.mean.copy_(mean)
        self.std.copy_(std.clamp_min(1e-3 * float(std.mean()) or 1.0))  # a dead channel stays quiet

    def standardise(self, e: Tensor) -> Tensor:
        """Each channel at zero mean and unit deviation: squared errors are then shares of the variance."""
        return (e - self.mean[:, None, None]) / self.std[:, None, None]

    def forward(self, e: Tensor) -> tuple[Tensor, Quantized]:
        """Reconstruct e (B, C, h, w) through the quantizer; the loss of Eq. 6 is taken by the caller."""
        quantized = self.encode(e)
        return self._rebuild(quantized.codes), quantized

    def encode(self, e: Tensor) -> Quantized:
        """Compress and quantize e (B, C, h, w): tokens (B, h', w')."""
        if tuple(e.shape[2:]) != self.grids[0]:
            raise MismatchError(
                f"The embeddings are {e.shape[2]}x{e.shape[3]}, but this autoencoder was made for "
                f"{self.grids[0][0]}x{self.grids[0][1]}; use one trained on frames of this size."
            )
        z = self.encoder(self.standardise(e).to(self.dtype))
        if self.token_grid != self.grids[-1]:
            z = functional.adaptive_avg_pool2d(z, self.token_grid)
        quantized = self.quantizer(z)
        if quantized.codes.shape != z.shape:
            raise PluginError(
                f"The quantizer '{self.config['quantizer']}' turned {tuple(z.shape)} into codes "
                f"{tuple(quantized.codes.shape)}; a quantizer must keep the shape (B, dim, h, w)."
            )
        return quantized

    def decode(self, tokens: Tensor) -> Tensor:
        """Rebuild e (B, C, h, w) from tokens (B, h', w')."""
        if tuple(tokens.shape[1:]) != self.token_grid:
            raise MismatchError(
                f"Tokens of shape {tuple(tokens.shape)} do not fit a frame of "
                f"{self.token_grid[0]}x{self.token_grid[1]}; make them again with: signvip tokenize"
            )
        return self._rebuild(self.quantizer.decode(tokens))

    @apply_forward_hook  # offloaded weights are fetched, as they are for `forward`
    def decode_frames(self, tokens: Tensor, chunk: int = 8) -> Tensor:
        """Rebuild e (F, C, h, w) from the tokens (F, N) of one clip, `chunk` frames at a time."""
        check_count(tokens, self.tokens_per_frame)
        parts = tokens.unflatten(1, self.token_grid).split(chunk)
        return torch.cat([self.decode(part) for part in parts])

    def rehearse(self, e: Tensor) -> Tensor:
        """Return e (B, C, h, w) as a training step does, past the quantizer: what it takes in memory."""
        return self.decoder(self.encoder(e), self.grids)

    def _rebuild(self, codes: Tensor) -> Tensor:
        if self.token_grid != self.grids[-1]:
            codes = functional.interpolate(codes, self.grids[-1], mode="nearest-exact")
        e = self.decoder(codes.to(self.dtype), self.grids)
        return e * self.std[:, None, None] + self.mean[:, None, None]


class Decoder(nn.Module):
    """Mirror of diffusers' `Encoder`; unlike its `Decoder` it grows to stored sizes, which odd grids need."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        channels: Sequence[int],
        layers_per_block: int,
        norm_num_groups: int,
        attention: Attention = "mid",
    ) -> None:
        super().__init__()
        widths = list(reversed(channels))
        self.conv_in = nn.Conv2d(inputs, widths[0], 3, padding=1)
        self.mid_block = UNetMidBlock2D(
            in_channels=widths[0],
            temb_channels=None,
            resnet_groups=norm_num_groups,
            attention_head_dim=widths[0],
        )
        self.up_blocks = nn.ModuleList(
            _up_block(before, width, layers_per_block + 1, norm_num_groups, attends)
            for before, width, attends in zip(
                [widths[0], *widths], widths, _lowest(widths, attention), strict=False
            )
        )
        self.upsamplers = nn.ModuleList(Upsample2D(width, use_conv=True) for width in widths[:-1])
        self.norm = nn.GroupNorm(norm_num_groups, widths[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, codes: Tensor, grids: Sequence[tuple[int, int]]) -> Tensor:
        """Codes (B, dim, h', w') to standardised e (B, C, h, w); `grids` are the sizes from the largest on."""
        x = self.mid_block(self.conv_in(codes))
        for level, block in enumerate(self.up_blocks):
            x = block(x)
            if level < len(self.upsamplers):
                x = self.upsamplers[level](x, output_size=grids[-2 - level])
        return self.conv_out(functional.silu(self.norm(x)))


def _down_types(levels: int, attention: Attention) -> tuple[str, ...]:
    last = "AttnDownEncoderBlock2D" if attention == "lowest+mid" else "DownEncoderBlock2D"
    return (*("DownEncoderBlock2D",) * (levels - 1), last)


def _lowest(widths: Sequence[int], attention: Attention) -> list[bool]:
    return [attention == "lowest+mid" and level == 0 for level in range(len(widths))]


def _up_block(inputs: int, outputs: int, layers: int, groups: int, attends: bool) -> nn.Module:
    options: dict[str, Any] = {
        "num_layers": layers,
        "resnet_groups": groups,
        "add_upsample": False,
        "temb_channels": None,
    }
    if attends:
        return AttnUpDecoderBlock2D(inputs, outputs, attention_head_dim=outputs, **options)
    return UpDecoderBlock2D(inputs, outputs, **options)


def check_count(tokens: Tensor, count: int) -> None:
    """Refuse tokens (F, N) of other frames than a tokenizer makes."""
    if tokens.shape[1:] != (count,):
        raise MismatchError(
            f"Tokens of shape {tuple(tokens.shape)} do not have {count} to a frame; make them again with: "
            "signvip tokenize"
        )


def halvings(grid: Sequence[int], times: int) -> list[tuple[int, int]]:
    """(h, w) and what is left after each halving; ConfigError where nothing would be."""
    grids = [(grid[0] >> count, grid[1] >> count) for count in range(times + 1)]
    if min(grids[-1]) < 1:
        raise ConfigError(
            f"A grid of {grid[0]}x{grid[1]} cannot be halved {times} times; "
            "shorten autoencoder.block_out_channels or take larger frames."
        )
    return grids


def _averaged(grid: tuple[int, int], tokens: Sequence[int] | None) -> tuple[int, int]:
    """Return the grid of tokens; ConfigError where it is finer than the last one."""
    if tokens is None:
        return grid
    if not (1 <= tokens[0] <= grid[0] and 1 <= tokens[1] <= grid[1]):
        raise ConfigError(
            f"Tokens of {tokens[0]}x{tokens[1]} cannot be averaged from a grid of {grid[0]}x{grid[1]}; "
            "shorten autoencoder.block_out_channels or ask for fewer tokens."
        )
    return tokens[0], tokens[1]


def _spread(conv: nn.Conv2d) -> None:
    """Start with latents of deviation `SPREAD`: the default weights put nearly all of them into the middle level."""
    second_moment = 0.36  # of silu(x) where x is standard normal, as it is after the last normalisation
    fan_in = conv.in_channels * conv.kernel_size[0] * conv.kernel_size[1]
    nn.init.normal_(conv.weight, std=SPREAD * (second_moment * fan_in) ** -0.5)
    nn.init.zeros_(cast(Tensor, conv.bias))


def _checked(quantizer: Any, name: str) -> nn.Module:
    for attribute in ("dim", "vocab_size"):
        value = getattr(quantizer, attribute, None)
        if not isinstance(value, int) or value < 1:
            raise PluginError(
                f"The quantizer '{name}' has {attribute}={value!r}; set it to a whole number above 0 when it is built."
            )
    if not isinstance(quantizer, nn.Module):
        raise PluginError(f"The quantizer '{name}' is not a torch.nn.Module; derive it from torch.nn.Module.")
    return quantizer
