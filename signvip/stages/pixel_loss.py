"""The error of pixels that clean latents decode to, in one square of each frame (after arXiv:2411.04873)."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn
from torch.nn import functional

from signvip.config import PixelLoss, RunConfig
from signvip.models.vae import decode_differentiably, edge_error, shrinks_by
from signvip.training.trainable import Frozen


class PixelError(nn.Module):
    """What a frozen VAE tells of the difference between latents: absolute errors of pixels and of their edges.

    Both sides are decoded, rather than one beside the frame: a square that is decoded by itself differs from the frame
    for many pixels from its border on, and the latents would learn to make up for that.
    """

    def __init__(self, vae: AutoencoderKL, options: PixelLoss, cells: int) -> None:
        super().__init__()
        self.vae, self.options, self.cells = Frozen(vae), options, cells

    @classmethod
    def of(cls, config: RunConfig, vae: AutoencoderKL) -> PixelError | None:
        """Return the error that a configuration asks for, if any, of latents of its VAE."""
        options = config.stage1.pixels
        return None if options is None else cls(vae, options, options.crops.size // shrinks_by(config.vae))

    @classmethod
    def inside(cls, config: RunConfig, vae: AutoencoderKL, cells: int) -> PixelError | None:
        """Return it for what lies within squares already, so many cells on a side."""
        options = config.stage1.pixels
        return None if options is None else cls(vae, options, cells)

    def forward(self, made: Tensor, true: Tensor, corners: Tensor) -> Tensor:
        """Weighed error of latents (N, C, h, w), in squares with these first rows and columns (N, 2), in cells."""
        vae = self.vae.network
        with torch.no_grad():
            wanted = decode_differentiably(vae, cut(true, corners, self.cells)).float()
        seen = decode_differentiably(vae, cut(made, corners, self.cells)).float()
        error = functional.l1_loss(seen, wanted)
        if self.options.edges:
            error = error + self.options.edges * edge_error(seen, wanted)
        return self.options.weight * error


def cut(latents: Tensor, corners: Tensor, cells: int) -> Tensor:
    """Cut one square (N, C, cells, cells) from each of latents (N, C, h, w), at first rows and columns (N, 2)."""
    # by indices on the device: slices would wait for the card to tell where they begin
    device = latents.device
    places = corners[:, :, None] + torch.arange(cells, device=device)  # (N, 2, cells)
    rows, columns = places[:, 0, None, :, None], places[:, 1, None, None, :]
    pictures = torch.arange(latents.shape[0], device=device)[:, None, None, None]
    channels = torch.arange(latents.shape[1], device=device)[None, :, None, None]
    return latents[pictures, channels, rows, columns]
