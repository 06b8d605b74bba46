"""Keypoints read from embeddings e: what a viewer, an avatar or a reader of letters needs beside the video.

A small U-Net makes a heat map for each point on the grid of e; the point is where the map has its mean (soft-argmax),
which is finer than a cell. A second map, weighted by the first, tells whether the point can be seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.downsampling import Downsample2D
from diffusers.models.modeling_utils import ModelMixin
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn
from torch.nn import functional

from signvip.contracts import KEYPOINTS, NUM_KEYPOINTS
from signvip.errors import MismatchError

NECK, SHOULDERS = KEYPOINTS.index("neck"), [KEYPOINTS.index(f"{side}_shoulder") for side in ("right", "left")]
SEEN = 0.3  # points of less confidence are told as unseen, as conditions do not draw them

QUIET = 0.01  # deviations of all channels together: what varies less is not made louder


class Maps(NamedTuple):
    """For each point, logits (B, P, h, w) float32 of where it is, and of whether what is there is that point."""

    where: Tensor
    sure: Tensor


class PoseHead(ModelMixin, ConfigMixin):
    """Embeddings (F, C, h, w) to keypoints (F, 128, 3) in pixels of frames of `size` (H, W), and confidence."""

    @register_to_config
    def __init__(
        self,
        *,
        embedding_channels: int,
        size: tuple[int, int],
        block_out_channels: Sequence[int] = (32, 48, 64),
        norm_num_groups: int = 8,
    ) -> None:
        super().__init__()
        self.size = (size[0], size[1])
        first, last = block_out_channels[0], block_out_channels[-1]
        options = {"temb_channels": None, "groups": norm_num_groups}
        self.norm_in = nn.GroupNorm(1, embedding_channels)  # e has no scale of its own
        self.conv_in = nn.Conv2d(embedding_channels, first, 3, padding=1)
        steps = list(pairwise([first, *block_out_channels]))
        self.down_blocks = nn.ModuleList(
            ResnetBlock2D(in_channels=before, out_channels=width, **options) for before, width in steps
        )
        self.downsamplers = nn.ModuleList(
            Downsample2D(width, use_conv=True, name="op") for width in block_out_channels[:-1]
        )
        self.mid_block = ResnetBlock2D(in_channels=last, out_channels=last, **options)
        upwards = list(pairwise(reversed(block_out_channels)))
        self.upsamplers = nn.ModuleList(Upsample2D(width, use_conv=True) for width, _ in upwards)
        self.up_blocks = nn.ModuleList(
            ResnetBlock2D(in_channels=width + finer, out_channels=finer, **options)
            for width, finer in upwards
        )
        self.norm_out = nn.GroupNorm(norm_num_groups, first)
        self.conv_out = nn.Conv2d(first, 2 * NUM_KEYPOINTS, 1)

    @torch.no_grad()
    def set_statistics(self, e: Tensor) -> None:
        """Let every channel begin with mean 0 and deviation 1 over embeddings (B, C, h, w), before it is trained."""
        usual = functional.group_norm(e, 1, eps=self.norm_in.eps)
        deviation = usual.std(dim=(0, 2, 3)).clamp(min=QUIET)
        self.norm_in.weight.copy_(1 / deviation)
        self.norm_in.bias.copy_(-usual.mean(dim=(0, 2, 3)) / deviation)

    def forward(self, e: Tensor) -> Maps:
        """Maps on the grid of e (B, C, h, w)."""
        if e.shape[1] != self.config["embedding_channels"]:
            raise MismatchError(
                f"The embeddings have {e.shape[1]} channels, but this pose head was made for "
                f"{self.config['embedding_channels']}; train it again with: signvip train --stage 2"
            )
        x = self.conv_in(self.norm_in(e.to(self.dtype)))
        finer = []
        for level, block in enumerate(self.down_blocks):
            x = block(x, None)
            if level < len(self.downsamplers):
                finer.append(x)
                x = self.downsamplers[level](x)
        x = self.mid_block(x, None)
        for upsampler, block in zip(self.upsamplers, self.up_blocks, strict=True):
            skip = finer.pop()
            x = block(torch.cat([upsampler(x, output_size=skip.shape[2:]), skip], dim=1), None)
        maps = self.conv_out(
            functional.silu(self.norm_out(x))
        ).float()  # places in halves would be off by cells
        return Maps(*maps.split(NUM_KEYPOINTS, dim=1))

    @apply_forward_hook  # offloaded weights are fetched, as they are for `forward`
    def read(self, e: Tensor, chunk: int = 64) -> Tensor:
        """Keypoints (F, 128, 3) of embeddings (F, C, h, w): x and y in pixels, confidence; all zeros where unseen."""
        points = self.locate(e, chunk)
        return torch.where(points[..., 2:] >= SEEN, points, torch.zeros_like(points))

    @apply_forward_hook
    def locate(self, e: Tensor, chunk: int = 64) -> Tensor:
        """Like `read`, with the likeliest place of every point, seen or not."""
        parts = [self.forward(part) for part in e.split(chunk)]
        places = torch.cat([mean_places(maps.where) for maps in parts])
        confidence = torch.cat([confidence_logits(maps) for maps in parts]).sigmoid()
        height, width = self.size
        return _with_neck(torch.stack([places[..., 0] * width, places[..., 1] * height, confidence], dim=-1))


def mean_places(where: Tensor) -> Tensor:
    """Return the mean place (B, P, 2), x and y in fractions of the picture, of heat maps as logits (B, P, h, w)."""
    heat = where.flatten(2).softmax(-1).unflatten(2, where.shape[2:])
    x, y = cell_centres(where)
    return torch.stack([(heat.sum(2) * x).sum(-1), (heat.sum(3) * y).sum(-1)], dim=-1)


def confidence_logits(maps: Maps) -> Tensor:
    """Return the logit (B, P) of each point's confidence: what the second map says where the first has the point."""
    return (maps.where.flatten(2).softmax(-1) * maps.sure.flatten(2)).sum(-1)


def cell_centres(grid: Tensor) -> tuple[Tensor, Tensor]:
    """Return the middles of the columns (w,) and rows (h,) of maps (..., h, w), as fractions of the picture."""
    x, y = (
        (torch.arange(count, device=grid.device, dtype=torch.float32) + 0.5) / count
        for count in (grid.shape[-1], grid.shape[-2])
    )
    return x, y


def _with_neck(points: Tensor) -> Tensor:
    """Put the neck between the shoulders, as sure as the less sure: where readers of MediaPipe's points put it."""
    shoulders = points[:, SHOULDERS]
    neck = torch.cat([shoulders[..., :2].mean(1), shoulders[..., 2:].amin(1)], dim=-1)
    return torch.cat([points[:, :NECK], neck[:, None], points[:, NECK + 1 :]], dim=1)
