"""Multi-condition encoder (step I, section 3.3): drawn conditions to the continuous embeddings e."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Sequence

Weighting = Literal["gate", "none"]
"""Whether a learned map weighs each condition at each place (the authors' code), or nothing does (the paper)."""


class ConditionEncoder(ModelMixin, ConfigMixin):
    """Grouped convolutions, one group per condition, then a gate that weighs the conditions at each place.

    `channels` are those of one condition, at full size and after each halving; the last is its share of e.
    Two convolutions a halving make the authors' seven; `last_convolutions=1` makes the paper's eight.
    """

    @register_to_config
    def __init__(
        self,
        *,
        num_conditions: int = 2,
        channels: Sequence[int] = (16, 32, 96, 256),
        gate_channels: int = 128,
        image_channels: int = 3,
        last_convolutions: int = 0,
        weighting: Weighting = "gate",
    ) -> None:
        super().__init__()
        self.embedding_channels = num_conditions * channels[-1]
        self.factor = 2 ** (len(channels) - 1)

        def conv(inputs: int, outputs: int, stride: int = 1) -> list[nn.Module]:
            widths = num_conditions * inputs, num_conditions * outputs
            return [nn.Conv2d(*widths, 3, stride, 1, groups=num_conditions), nn.SiLU()]

        layers = conv(image_channels, channels[0])
        for inputs, outputs in pairwise(channels):
            layers += [*conv(inputs, inputs), *conv(inputs, outputs, stride=2)]
        for _ in range(last_convolutions):
            layers += conv(channels[-1], channels[-1])
        self.backbone = nn.Sequential(*layers)
        self.gate: nn.Sequential | None = None
        if weighting == "none":
            return
        # From the authors' code, the paper does not mention it; only here do conditions see each other.
        self.gate = nn.Sequential(
            nn.Conv2d(self.embedding_channels, gate_channels, 3, 1, 1),
            nn.SiLU(),
            nn.Conv2d(gate_channels, num_conditions, 7, 1, 3),
            nn.Sigmoid(),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return e (B, K*C, h, w) for conditions (B, K*3, H, W) in [-1, 1], stacked in their order."""
        # few channels at full size: a CPU takes two thirds of the time where those of a pixel lie side by side
        embeddings = self.backbone(images.contiguous(memory_format=torch.channels_last)).contiguous()
        if self.gate is None:
            return embeddings
        weights = torch.repeat_interleave(self.gate(embeddings), self.config["channels"][-1], dim=1)
        return embeddings * weights
