"""Read the drawings of conditions back off their embeddings: a loss by which the encoder keeps what it is shown."""

from __future__ import annotations

import torch
from torch import Tensor, nn

WIDTH = 96  # channels: enough to read off random convolutions where the lines of fingers are


class Redrawing(nn.Module):
    """Embeddings e (B, C, h, w) to drawings (B, K*3, H, W) in [-1, 1]; no part of a run, it ends with its training.

    The denoiser's loss alone teaches an encoder the outline of a hand long before the lines within it; of those the
    embedded model's showed less than random weights did (docs/results/embedded.md).
    """

    def __init__(self, embedding_channels: int, drawn_channels: int, factor: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(embedding_channels, WIDTH, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(WIDTH, WIDTH, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(WIDTH, drawn_channels * factor**2, 1),
            nn.PixelShuffle(factor),
        )

    def forward(self, e: Tensor, drawn: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean squared error of what is read off e, weighed by pixel (B, H, W) where weights are given."""
        errors = (self.layers(e).float() - drawn).square().mean(1)
        return errors.mean() if weights is None else torch.mean(errors * weights)
