"""Finite scalar quantization: each channel is rounded to one of its levels (sections 3.1 and 3.5, Eq. 2)."""

from __future__ import annotations

from math import prod
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

import signvip
from signvip_quantizers.checks import check_latents, check_tokens, in_full_precision

# For about 2^8, 2^10 and 2^12 codes as in table 1 of Mentzer et al. (arXiv:2309.15505), for 625 as in section 4.1 of
# the paper; the others are ours, with five levels or more.
LEVELS = ((5, 5, 5), (8, 6, 5), (8, 8, 8), (5, 5, 5, 5), (8, 5, 5, 5), (8, 8, 6, 5), (7, 5, 5, 5, 5))
CONTINUOUS = 32  # levels of a channel that stand for none: 2^20 tokens with four channels
TANH_MARGIN = 1e-3  # Mentzer et al. (arXiv:2309.15505): keeps the outermost levels within reach of tanh


class FiniteScalarQuantizer(nn.Module):
    """No parameters, no codebook: token = sum_i level_i * prod_{j<i} L_j, so the first channel varies fastest."""

    levels: Tensor  # (dim, 1, 1), or (1, 1, 1) where all are equal; integers: `.half()` leaves those exact
    places: Tensor  # (dim, 1, 1)

    class Config(signvip.Config):
        levels: tuple[Annotated[int, Field(ge=2)], ...] = Field(
            (5, 5, 5, 5), description="levels of each channel"
        )
        bound: Literal["sigmoid", "tanh"] = Field("sigmoid", description="Eq. 2, or that of Mentzer et al.")

        @field_validator("levels")
        @classmethod
        def _check_size(cls, levels: tuple[int, ...]) -> tuple[int, ...]:
            if not levels or prod(levels) > 2**24:
                raise ValueError(
                    "give at least one channel and at most 2^24 codes in all, such as [5, 5, 5, 5]"
                )
            return levels

    @classmethod
    def options_for(cls, codes: int) -> dict[str, Any]:
        """Return options with so many codes; ConfigError for a number that `LEVELS` has no levels for."""
        found = next((levels for levels in LEVELS if prod(levels) == codes), None)
        if found is None:
            sizes = ", ".join(str(prod(levels)) for levels in LEVELS)
            raise signvip.ConfigError(
                f"There are no levels for a codebook of {codes}; choose {sizes}, or vary quantizer.levels."
            )
        return {"levels": list(found)}

    @classmethod
    def continuous(cls, **options: Any) -> dict[str, Any]:
        """Return options for the same channels with so many levels that hardly anything is rounded."""
        return {"levels": [CONTINUOUS] * len(cls.Config(**options).levels)}

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim = len(config.levels)
        self.vocab_size, self.digits = prod(config.levels), config.levels
        self.bound = config.bound
        self.steps = [prod(config.levels[:channel]) for channel in range(self.dim)]  # of a token, by channel
        # one number for all channels where it can be: elementwise products with it run a third faster
        levels = config.levels if len(set(config.levels)) > 1 else config.levels[:1]
        self.register_buffer("levels", torch.tensor(levels)[:, None, None], persistent=False)
        self.register_buffer("places", torch.tensor(self.steps)[:, None, None], persistent=False)

    def forward(self, z: Tensor) -> signvip.Quantized:
        """Quantize z (B, dim, h, w); the gradient of the rounding is that of the identity."""
        check_latents(z, self.dim)
        # bfloat16 is too coarse for z: half of the codes would go unused.
        with in_full_precision(z):
            soft = self._sigmoid(z.float()) if self.bound == "sigmoid" else self._tanh(z.float())
            levels = soft.detach().round()
            tokens = self._number(levels)
            codes = self._codes(levels)
            if soft.requires_grad:  # the value stays that of `decode` to the last bit: soft - soft is zero
                codes = codes + (soft - soft.detach()) / self._half_width()
        return signvip.Quantized(codes.to(z.dtype), tokens)

    def decode(self, tokens: Tensor) -> Tensor:
        """Codes (B, dim, h, w) in [-1, 1] of tokens (B, h, w); MismatchError for a token outside [0, V)."""
        tokens = check_tokens(tokens, self.vocab_size)
        # Floats divide four times as fast as integers, and are exact here: V <= 2^24.
        above = (tokens[:, None].float() / self.places).floor()
        return self._codes(above - (above / self.levels).floor() * self.levels)

    def _number(self, levels: Tensor) -> Tensor:  # (B, dim, h, w) -> (B, h, w)
        # a channel at a time: a quarter of the time of a product and a sum over channels. Exact in float32: V <= 2^24
        tokens = levels[:, 0]
        for channel, step in zip(levels.unbind(1)[1:], self.steps[1:], strict=True):
            tokens = torch.add(tokens, channel, alpha=step)
        return tokens.long()

    def _codes(self, levels: Tensor) -> Tensor:
        return (levels - self._half_width()) / self._half_width()

    def _half_width(self) -> Tensor:
        """Codes fill [-1, 1]; with the tanh bound an even number of levels stops short of 1, as published."""
        return (self.levels - 1) / 2 if self.bound == "sigmoid" else (self.levels // 2).float()

    def _sigmoid(self, z: Tensor) -> Tensor:
        """f(z; L) = (L - 1) sigmoid(z) of Eq. 2."""
        return (self.levels - 1) * z.sigmoid()

    def _tanh(self, z: Tensor) -> Tensor:
        reach = (self.levels - 1) * (1 + TANH_MARGIN) / 2
        offset = 0.5 * (1 - self.levels % 2)  # an even number of levels has none in the middle
        return (z + (offset / reach).atanh()).tanh() * reach - offset + self._half_width()
