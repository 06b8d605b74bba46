"""Denoising U-Net (section 3.4): noise in latents, guided by conditions and by a reference picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from signvip.models.video_diffusion.attention import Reference, read_references
from signvip.models.video_diffusion.unets import (
    Motion,
    MotionNorm,
    add_motion,
    build_motion_unet,
    build_unet,
    is_motion,
    set_motion_norm,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

UNET_OPTIONS = (
    "in_channels",
    "block_out_channels",
    "layers_per_block",
    "attention_levels",
    "attention_heads",
    "norm_num_groups",
    "cross_attention_dim",
    "prompt_tokens",
)
GUIDER_OPTIONS = (
    "block_out_channels",
    "norm_num_groups",
    "motion",
    "motion_heads",
    "motion_max_frames",
    "motion_norm",
)


class Denoiser(ModelMixin, ConfigMixin):
    """A diffusers U-Net, for images (`motion="none"`) or for videos (`motion="temporal_attention"`).

    Both have the same spatial weights under the same names; `with_motion` turns the first into the second.
    `cross_attention_dim` is None for a U-Net without attention to text: the paper's blocks have none. Stable
    Diffusion's have it, and are fed the embedding of the empty prompt.
    """

    _supports_gradient_checkpointing = True

    @register_to_config
    def __init__(
        self,
        *,
        in_channels: int = 4,
        block_out_channels: Sequence[int] = (320, 640, 1280, 1280),
        layers_per_block: int = 2,
        attention_levels: Sequence[bool] | None = None,
        attention_heads: int = 8,
        norm_num_groups: int = 32,
        cross_attention_dim: int | None = None,
        prompt_tokens: int = 77,
        motion: Motion = "none",
        motion_heads: int = 8,
        motion_max_frames: int = 32,
        motion_mid_block: bool = False,
        motion_norm: MotionNorm = "clip",
    ) -> None:
        super().__init__()
        config = dict(self.config)
        self.unet = build_unet(config) if motion == "none" else build_motion_unet(config)
        for layer in _motion_modules(self.unet):
            nn.init.zeros_(layer.proj_out.weight)
            nn.init.zeros_(layer.proj_out.bias)
        set_motion_norm(_motion_modules(self.unet), motion_norm)
        read_references(self.unet)
        prompt = None if cross_attention_dim is None else torch.zeros(1, prompt_tokens, cross_attention_dim)
        self.register_buffer("empty_prompt", prompt)

    @classmethod
    def with_motion(cls, image: Denoiser) -> Denoiser:
        """Return a video denoiser that does to each frame what `image` does, until its motion is trained."""
        return add_motion(image)

    @property
    def unet_options(self) -> dict[str, Any]:
        """The options that a `ReferenceNet` must share with this denoiser."""
        return {name: self.config[name] for name in UNET_OPTIONS}

    @property
    def guider_options(self) -> dict[str, Any]:
        """The options that a `Guider` must share with this denoiser."""
        return {name: self.config[name] for name in GUIDER_OPTIONS}

    def motion_parameters(self) -> Iterator[nn.Parameter]:
        """Yield what the motion phase trains; nothing for an image denoiser."""
        return (weight for name, weight in self.named_parameters() if is_motion(name))

    def spatial_parameters(self) -> Iterator[nn.Parameter]:
        """Yield what the image phase trains."""
        return (weight for name, weight in self.named_parameters() if not is_motion(name))

    def forward(
        self,
        sample: Tensor,  # (B, F, 4, h, w)
        timestep: Tensor | int,  # (B,) or a scalar
        features: Sequence[Tensor] | None = None,
        reference: Reference | None = None,
    ) -> Tensor:
        """Predict (B, F, 4, h, w) from noisy latents.

        `features` are a `Guider`'s: one after each down block, and where it gives one more, after `conv_in`.
        Without a `reference` its attention is plain: the unconditional half of guidance.
        """
        # Block by block, because diffusers' own forward has no place for features to enter after a block.
        batch, frames = sample.shape[:2]
        unet = self.unet
        inputs = self._inputs(timestep, batch, frames, reference)
        first, after_block = _split(features, len(unet.down_blocks))
        x = unet.conv_in(sample.flatten(0, 1))
        x = x if first is None else x + first
        skips = [x]
        for block, feature in zip(unet.down_blocks, after_block, strict=True):
            x, residuals = block(hidden_states=x, **inputs, **_frames(block, frames))
            x = x if feature is None else x + feature
            skips += residuals
        x = unet.mid_block(hidden_states=x, **inputs, **_frames(unet.mid_block, frames))
        for block in unet.up_blocks:
            count = len(block.resnets)
            skips, residuals = skips[:-count], tuple(skips[-count:])
            # the exact size, since an odd one cannot be told from half of it
            size = skips[-1].shape[2:] if skips else None
            x = block(
                hidden_states=x,
                res_hidden_states_tuple=residuals,
                upsample_size=size,
                **inputs,
                **_frames(block, frames),
            )
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(x))).unflatten(0, (batch, frames))

    def _inputs(
        self, timestep: Tensor | int, batch: int, frames: int, reference: Reference | None
    ) -> dict[str, Any]:
        time = self.unet.time_proj(torch.as_tensor(timestep, device=self.device).expand(batch))
        time = self.unet.time_embedding(time.to(self.dtype)).repeat_interleave(frames, dim=0)
        prompt = self.empty_prompt
        return {
            "temb": time,
            "encoder_hidden_states": None if prompt is None else prompt.expand(batch * frames, -1, -1),
            "cross_attention_kwargs": {"reference": reference},
        }


def _motion_modules(unet: nn.Module) -> Iterator[Any]:
    for name, module in unet.named_modules():
        if name.endswith("motion_modules"):
            assert isinstance(module, nn.ModuleList)
            yield from module


def _frames(block: nn.Module, frames: int) -> dict[str, int]:
    return {"num_frames": frames} if hasattr(block, "motion_modules") else {}


def _split(features: Sequence[Tensor] | None, blocks: int) -> tuple[Tensor | None, list[Tensor | None]]:
    if features is None:
        return None, [None] * blocks
    assert len(features) in (blocks, blocks + 1), f"{len(features)} features for {blocks} down blocks"
    return (features[0] if len(features) > blocks else None), list(features[-blocks:])
