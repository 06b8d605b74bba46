"""Condition Guider (section 3.4): multi-condition embeddings to features for the denoiser's down path."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from signvip_denoisers.animatediff.onednn import prefer_onednn
from signvip_denoisers.animatediff.unets import (
    Motion,
    MotionNorm,
    TemporalTransformer,
    add_motion,
    is_motion,
    set_motion_norm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Injection = Literal["down_blocks", "conv_in+down_blocks"]
"""The places where features enter: after each down block, or after `conv_in` too (the authors' code).

The paper adds them to the corresponding block of the down path (section 3.4). A block ends in its downsampler, so the
second reading is the default: with the first the finest level gets no guidance.
"""


class Guider(ModelMixin, ConfigMixin):
    """A trunk of convolutions, each block with a temporal attention; features leave by zero projections.

    A new guider therefore changes nothing in the denoiser, and new motion changes nothing in the guider.
    """

    _supports_gradient_checkpointing = True
    gradient_checkpointing = False
    spread_by: tuple[type[nn.Module], ...]

    @register_to_config
    def __init__(
        self,
        *,
        embedding_channels: int = 512,
        block_out_channels: Sequence[int] = (320, 640, 1280, 1280),
        injection: Injection = "conv_in+down_blocks",
        norm_num_groups: int = 32,
        motion: Motion = "none",
        motion_heads: int = 8,
        motion_max_frames: int = 32,
        motion_norm: MotionNorm = "clip",
    ) -> None:
        super().__init__()
        widths = [block_out_channels[0], *block_out_channels]
        # the denoiser halves after every down block but the last
        strides = [2] * (len(block_out_channels) - 1) + [1]
        self.blocks = nn.ModuleList([nn.Sequential(nn.Conv2d(embedding_channels, widths[0], 1), nn.SiLU())])
        self.blocks += [_block(*pair, stride) for pair, stride in zip(pairwise(widths), strides, strict=True)]
        temporal = [_temporal(dict(self.config), width) for width in widths] if motion != "none" else []
        self.motion_modules = nn.ModuleList(temporal)
        set_motion_norm(self.motion_modules, motion_norm)
        self.skipped = 1 if injection == "down_blocks" else 0
        self.projections = nn.ModuleList(_zero(nn.Conv2d(w, w, 1)) for w in widths[self.skipped :])
        prefer_onednn(self)

    @classmethod
    def with_motion(cls, image: Guider) -> Guider:
        """Return a video guider that does to each frame what `image` does, until its motion is trained."""
        return add_motion(image)

    def motion_parameters(self) -> Iterator[nn.Parameter]:
        """Yield what the motion phase trains; nothing for an image guider."""
        return (weight for name, weight in self.named_parameters() if is_motion(name))

    def spatial_parameters(self) -> Iterator[nn.Parameter]:
        """Yield what the image phase trains."""
        return (weight for name, weight in self.named_parameters() if not is_motion(name))

    def forward(self, e: Tensor) -> list[Tensor]:
        """Return features (B*F, C_i, h_i, w_i) for embeddings (B, F, C, h, w), in the denoiser's order."""
        frames = e.shape[1]
        x, trunk = e.flatten(0, 1), []
        again = torch.is_grad_enabled() and self.gradient_checkpointing
        for i, block in enumerate(self.blocks):
            x = self._gradient_checkpointing_func(block, x) if again else block(x)
            if frames > 1 and len(self.motion_modules):
                x = self.motion_modules[i](x, num_frames=frames)
            trunk.append(x)
        pairs = zip(self.projections, trunk[self.skipped :], strict=True)
        return [projection(x) for projection, x in pairs]


Guider.spread_by = (Guider, TemporalTransformer)  # where weights are spread over processes


def _block(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1), nn.SiLU(), nn.Conv2d(outputs, outputs, 3, 1, 1), nn.SiLU()
    )


def _temporal(config: dict[str, Any], width: int) -> TemporalTransformer:
    layer = TemporalTransformer(
        num_attention_heads=config["motion_heads"],
        attention_head_dim=width // config["motion_heads"],
        in_channels=width,
        norm_num_groups=config["norm_num_groups"],
        positional_embeddings="sinusoidal",
        num_positional_embeddings=config["motion_max_frames"],
    )
    _zero(layer.proj_out)
    return layer


def _zero(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
