"""Tokens by parts of the signer: the body over the whole picture, each hand in a crop of e around it (not the paper's).

Tokens over the whole picture run mostly empty, and fingers are lost in them: where tokens look matters more than how
many bits they have. M3T (arXiv:2603.23617) has tokens by parts too.

A crop lies where the body's tokens say that the hand is, when tokens are made and when they are read: no more than the
tokens is needed to put a hand back. The place is the mean of a heat map, which stage II teaches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from diffusers.configuration_utils import register_to_config
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor, nn

from signvip.contracts import Quantized
from signvip.errors import ConfigError
from signvip.models.autoencoder import Attention, Autoencoder, check_count
from signvip.models.pose_head import mean_places
from signvip.models.tokenizer import EmbeddingTokenizer

HANDS = 2  # the left one, then the right, as keypoints have them
RIM = 0.5  # how much of the outermost cells of a crop is its hand's: the rest is the body's, and no seam is seen


@dataclass(frozen=True, kw_only=True)
class Located(Quantized):
    """The result of `encode`, with the logits (B, 2, h, w) of where the hands are."""

    where: Tensor


class BodyAndHands(EmbeddingTokenizer, ModelMixin):  # diffusers looks for the name ModelMixin in this module
    """One autoencoder for the body, on `grid` (h, w) of e, and one for both hands, on crops of `hand_grid` cells.

    A frame's tokens are the body's, the left hand's and the right hand's, each row-major. Both have quantizers of one
    kind, of their own.
    """

    @register_to_config
    def __init__(
        self,
        *,
        embedding_channels: int,
        grid: tuple[int, int],
        quantizer: str = "fsq",
        quantizer_config: Mapping[str, Any] | None = None,
        block_out_channels: Sequence[int] = (32, 64, 128, 128),
        tokens: tuple[int, int] | None = None,
        hand_grid: tuple[int, int] = (12, 12),  # cells: at a factor of 4, 48 pixels
        hand_channels: Sequence[int] = (32, 64, 128),
        hand_tokens: tuple[int, int] | None = None,
        place_channels: int = 32,
        layers_per_block: int = 1,
        norm_num_groups: int = 8,
        attention: Attention = "mid",
    ) -> None:
        super().__init__()
        if hand_grid[0] > grid[0] or hand_grid[1] > grid[1]:
            raise ConfigError(
                f"Crops of {hand_grid[0]}x{hand_grid[1]} cells do not fit into embeddings of {grid[0]}x{grid[1]}; "
                "make autoencoder.hand_grid smaller."
            )
        shared: dict[str, Any] = {
            "embedding_channels": embedding_channels,
            "quantizer": quantizer,
            "quantizer_config": quantizer_config,
            "layers_per_block": layers_per_block,
            "norm_num_groups": norm_num_groups,
            "attention": attention,
        }
        self.body = Autoencoder(grid=grid, block_out_channels=block_out_channels, tokens=tokens, **shared)
        self.hand = Autoencoder(
            grid=hand_grid, block_out_channels=hand_channels, tokens=hand_tokens, **shared
        )
        self.place = nn.Sequential(
            nn.Conv2d(embedding_channels, place_channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(place_channels, HANDS, 1),
        )

    @property
    def cells(self) -> tuple[int, int]:
        return self.body.cells

    @property
    def bottlenecks(self) -> Sequence[nn.Module]:
        return [self.body.bottleneck, self.hand.bottleneck]

    @property
    def tokens_per_frame(self) -> int:
        return self.body.tokens_per_frame + HANDS * self.hand.tokens_per_frame

    @property
    def vocab_size(self) -> int:
        return self.body.vocab_size

    @property
    def digits(self) -> Sequence[int] | None:
        return self.body.digits

    @property
    def decoding(self) -> nn.Module:
        return nn.ModuleList([self.body.decoder, self.hand.decoder, self.place])

    def set_statistics(self, mean: Tensor, std: Tensor) -> None:
        """Set each channel's mean and deviation (C,), measured on training data; hands are of the same scale."""
        for part in (self.body, self.hand):
            part.set_statistics(mean, std)

    def standardise(self, e: Tensor) -> Tensor:
        """Each channel at zero mean and unit deviation: squared errors are then shares of the variance."""
        return self.body.standardise(e)

    def forward(self, e: Tensor) -> tuple[Tensor, Located]:
        """Reconstruct e (B, C, h, w) from body and hands; the loss of Eq. 6 is taken by the caller."""
        body, of_body = self.body(e)
        where = self.where(body)
        windows = Windows.around(where, self.hand.cells)
        hands, of_hands = self.hand(windows.crop(e).flatten(0, 1))
        return windows.paste(body, hands.unflatten(0, (-1, HANDS))), _located(of_body, of_hands, where)

    def encode(self, e: Tensor) -> Located:
        """Compress and quantize e (B, C, h, w): tokens (B, N)."""
        body, of_body = self.body(e)
        where = self.where(body)
        crops = Windows.around(where, self.hand.cells).crop(e)
        return _located(of_body, self.hand.encode(crops.flatten(0, 1)), where)

    def decode(self, tokens: Tensor) -> Tensor:
        """Rebuild e (B, C, h, w) from tokens (B, N)."""
        check_count(tokens, self.tokens_per_frame)
        of_body, of_hands = tokens.tensor_split([self.body.tokens_per_frame], dim=1)
        body = self.body.decode(of_body.unflatten(1, self.body.token_grid))
        hands = self.hand.decode(of_hands.unflatten(1, (HANDS, *self.hand.token_grid)).flatten(0, 1))
        windows = Windows.around(self.where(body), self.hand.cells)
        return windows.paste(body, hands.unflatten(0, (-1, HANDS)))

    @apply_forward_hook  # offloaded weights are fetched, as they are for `forward`
    def decode_frames(self, tokens: Tensor, chunk: int = 8) -> Tensor:
        """Rebuild e (F, C, h, w) from the tokens (F, N) of one clip, `chunk` frames at a time."""
        return torch.cat([self.decode(part) for part in tokens.split(chunk)])

    def where(self, body: Tensor) -> Tensor:
        """Logits (B, 2, h, w) float32 of where the hands are, read from what the body's tokens decode to."""
        logits: Tensor = self.place(self.standardise(body).to(self.dtype))
        return logits.float()

    def rehearse(self, e: Tensor) -> Tensor:
        """Return e (B, C, h, w) as a training step does, past the quantizer: what it takes in memory."""
        body = self.body.rehearse(e)
        windows = Windows.around(self.where(body), self.hand.cells)
        hands = self.hand.rehearse(windows.crop(e).flatten(0, 1))
        return windows.paste(body, hands.unflatten(0, (-1, HANDS)))


class Windows(NamedTuple):
    """The position of crops: the row (B, 2, i, h) and column (B, 2, j, w) of e of each cell, as ones among zeros.

    As products with these, crops are cut and pasted the same on every device, in any order of a batch.
    """

    rows: Tensor
    columns: Tensor

    @classmethod
    def around(cls, where: Tensor, size: tuple[int, int]) -> Windows:
        """Whole cells nearest to the mean places of heat maps (B, 2, h, w), none of them out of the picture."""
        x, y = mean_places(where).unbind(-1)
        return cls(_ones(y, where.shape[2], size[0]), _ones(x, where.shape[3], size[1]))

    def crop(self, e: Tensor) -> Tensor:
        """Crops (B, 2, C, i, j) of e (B, C, h, w)."""
        rows, columns = (part[:, :, None].to(e) for part in self)
        return rows @ e[:, None] @ columns.mT

    def paste(self, e: Tensor, crops: Tensor) -> Tensor:
        """Put crops (B, 2, C, i, j) into e (B, C, h, w): their mean where they meet, and at their rims half of e."""
        rows, columns = (part[:, :, None].to(e) for part in self)
        weights = _rim(crops)
        put = (rows.mT @ (crops * weights) @ columns).sum(1)
        share = (rows.mT @ weights.expand(*rows.shape[:3], -1, -1) @ columns).sum(1)
        return e * (1 - share).clamp(min=0) + put / share.clamp(min=1)


def _ones(places: Tensor, cells: int, count: int) -> Tensor:
    """Mark the `count` cells in a row around places (B, 2), in fractions, as ones among zeros (B, 2, count, cells)."""
    first = (places * cells - count / 2).round().clamp(0, cells - count)
    own = first[..., None] + torch.arange(count, device=places.device)
    return own[..., None] == torch.arange(cells, device=places.device)


def _rim(crops: Tensor) -> Tensor:
    """Return how much each cell of a crop (..., i, j) counts: fully, except at the rim."""
    weights = torch.full(crops.shape[-2:], RIM, device=crops.device, dtype=crops.dtype)
    weights[1:-1, 1:-1] = 1
    return weights


def _located(body: Quantized, hands: Quantized, where: Tensor) -> Located:
    """Join both: the body's tokens first, then one hand after the other."""

    def join(of_body: Tensor, of_hands: Tensor) -> Tensor:  # (B, ..., h, w), (2 B, ..., h, w) -> (B, ..., N)
        own = of_hands.flatten(-2).unflatten(0, (-1, HANDS)).movedim(1, -2).flatten(-2)
        return torch.cat([of_body.flatten(-2), own], dim=-1)

    codes, tokens = join(body.codes, hands.codes), join(body.tokens, hands.tokens)
    return Located(codes, tokens, body.loss + hands.loss, where=where)
