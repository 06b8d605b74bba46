"""What is finest, last: convolutions beside the U-Net's end that read the embeddings of conditions at full width."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Detail(nn.Module):
    """A correction (N, C, h, w) of what the U-Net predicts, from its last features and e (M, D, h, w). Not the paper's.

    A U-Net has its fewest channels where cells are smallest, and fingers are smaller than its other cells. Nothing
    here is normalised over a picture, and the last layer is zero at first, so that a new head changes nothing.
    """

    def __init__(self, features: int, embedding_channels: int, width: int, channels: int) -> None:
        super().__init__()
        self.enter = nn.Conv2d(features + embedding_channels, width, 3, padding=1)
        self.block = _block(width)
        self.leave = nn.Sequential(nn.SiLU(), nn.Conv2d(width, channels, 3, padding=1))
        for parameter in self.leave.parameters():
            nn.init.zeros_(parameter)

    def forward(self, features: Tensor, e: Tensor) -> Tensor:
        """Return the correction; e of fewer pictures, of which N is a multiple, serves the others again."""
        seen = e.to(features.dtype).repeat(len(features) // len(e), 1, 1, 1)
        x = self.enter(torch.cat([features, seen], dim=1))
        return self.leave(x + self.block(x))


def _block(width: int) -> nn.Sequential:
    block = nn.Sequential(
        nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1)
    )
    nn.init.zeros_(block[-1].weight)  # type: ignore[arg-type]  # it begins as if it were not there
    return block
