"""The common part of Denoising U-Net and Reference Net (section 3.4): Stable Diffusion's U-Net, at any size."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, TypeVar

import torch
from diffusers import ModelMixin, UNet2DConditionModel, UNetMotionModel
from diffusers.models.attention import BasicTransformerBlock
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.unets.unet_motion_model import AnimateDiffTransformer3D
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

Motion = Literal["none", "temporal_attention"]
"""A network's view of frames: as pictures, or attended over time as well."""

MotionNorm = Literal["clip", "frame"]
"""The group that a temporal attention normalises: a clip's frames, as diffusers does, or each frame (AnimateDiff)."""

ResnetNorm = Literal["frame", "window"]
"""The group that resnet blocks and the last norm normalise: each frame, or all of a window (the authors' code)."""

Network = TypeVar("Network", bound=ModelMixin)


def is_motion(name: str) -> bool:
    """Tell whether a parameter belongs to a temporal attention."""
    return "motion_modules" in name


class FrameNorm(nn.GroupNorm):
    """Group normalisation of each frame alone, where diffusers takes the statistics of all frames."""

    def forward(self, x: Tensor) -> Tensor:  # (B, C, F, h, w)
        frames = super().forward(x.transpose(1, 2).flatten(0, 1))
        return frames.unflatten(0, (x.shape[0], -1)).transpose(1, 2)


class WindowResnet(ResnetBlock2D):
    """A resnet block whose norms see all frames of a window, and its convolutions one.

    How many windows lie in the batch is told by the embedded timestep, which has a row for each: nothing is kept
    between calls, so a layer that gradient checkpointing runs again sees the same windows.
    """

    def forward(self, input_tensor: Tensor, temb: Tensor) -> Tensor:  # (B*F, C, h, w), (B, T)
        windows = len(temb)
        x = self.conv1(self.nonlinearity(over_windows(self.norm1, input_tensor, windows)))
        time = self.time_emb_proj(self.nonlinearity(temb))
        x = x + time.repeat_interleave(len(x) // windows, dim=0)[:, :, None, None]
        x = self.conv2(self.dropout(self.nonlinearity(over_windows(self.norm2, x, windows))))
        same = input_tensor if self.conv_shortcut is None else self.conv_shortcut(input_tensor)
        return (same + x) / self.output_scale_factor


def over_windows(norm: nn.Module, x: Tensor, windows: int) -> Tensor:
    """Normalise frames (B*F, C, h, w) with the statistics of their window, of which there are B."""
    return norm(x.unflatten(0, (windows, -1)).transpose(1, 2)).transpose(1, 2).flatten(0, 1)


def set_resnet_norm(unet: nn.Module, norm: ResnetNorm) -> None:
    """Choose what the resnet blocks of a U-Net normalise together."""
    if norm == "window":
        for module in unet.modules():
            if isinstance(module, ResnetBlock2D):
                module.__class__ = WindowResnet  # diffusers builds them inside its blocks, and takes no other


class TemporalTransformer(AnimateDiffTransformer3D):
    """Temporal attention that knows of gradient checkpointing, as diffusers' own does not."""

    gradient_checkpointing = False

    def forward(self, *args: Any, **options: Any) -> Tensor:
        if torch.is_grad_enabled() and self.gradient_checkpointing:
            return checkpoint(super().forward, *args, use_reentrant=False, **options)
        return super().forward(*args, **options)


def set_motion_norm(modules: Iterable[nn.Module], norm: MotionNorm) -> None:
    """Choose what new temporal attentions normalise together."""
    if norm == "frame":
        for module in modules:
            old = module.norm
            assert isinstance(old, nn.GroupNorm)
            module.norm = FrameNorm(old.num_groups, old.num_channels, old.eps)


def add_motion(image: Network) -> Network:
    """Return the video version of a network, with its spatial weights and new temporal attentions."""
    video = type(image).from_config(image.config, motion="temporal_attention")
    missing, unexpected = video.load_state_dict(image.state_dict(), strict=False)
    assert not unexpected and all(is_motion(name) for name in missing)
    return video.to(device=image.device)


def build_unet(config: dict[str, Any]) -> UNet2DConditionModel:
    """Build the image U-Net that a `Denoiser` or `ReferenceNet` config describes."""
    # `attention_head_dim` of UNet2DConditionModel is the number of heads, whatever it is called.
    unet = UNet2DConditionModel(
        down_block_types=tuple(f"{kind}DownBlock2D" for kind in _kinds(config)),
        up_block_types=tuple(f"{kind}UpBlock2D" for kind in reversed(_kinds(config))),
        attention_head_dim=config["attention_heads"],
        **_shared(config),
    )
    return _without_text(unet) if config["cross_attention_dim"] is None else unet


def build_motion_unet(config: dict[str, Any]) -> UNetMotionModel:
    """Build the same U-Net with a temporal attention after every layer of its down and up blocks."""
    unet = UNetMotionModel(
        down_block_types=tuple(f"{kind}DownBlockMotion" for kind in _kinds(config)),
        up_block_types=tuple(f"{kind}UpBlockMotion" for kind in reversed(_kinds(config))),
        num_attention_heads=config["attention_heads"],
        motion_num_attention_heads=config["motion_heads"],
        motion_max_seq_length=config["motion_max_frames"],
        use_motion_mid_block=config["motion_mid_block"],
        **_shared(config),
    )
    for module in unet.modules():
        if isinstance(module, AnimateDiffTransformer3D):
            module.__class__ = (
                TemporalTransformer  # diffusers builds them inside its blocks, and takes no other
            )
    return _without_text(unet) if config["cross_attention_dim"] is None else unet


def _kinds(config: dict[str, Any]) -> list[str]:
    levels = config["attention_levels"] or (True,) * len(config["block_out_channels"])
    return ["CrossAttn" if attention else "" for attention in levels]


def _shared(config: dict[str, Any]) -> dict[str, Any]:
    return {
        "in_channels": config["in_channels"],
        "out_channels": config["in_channels"],
        "block_out_channels": tuple(config["block_out_channels"]),
        "layers_per_block": config["layers_per_block"],
        "norm_num_groups": config["norm_num_groups"],
        "cross_attention_dim": config["cross_attention_dim"] or 1,
    }


def _without_text(unet: Network) -> Network:
    """Drop the attentions to text, which diffusers builds in any case and then runs only where they are."""
    for name, layer in unet.named_modules():
        if isinstance(layer, BasicTransformerBlock) and not is_motion(name):
            layer.norm2, layer.attn2 = None, None
    return unet
