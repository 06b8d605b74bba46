"""Mixer of the translator: the N tokens of a frame become one hidden state (appendix B)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class TokenMixer(nn.Module):
    """N token embeddings, flattened -> Linear -> LayerNorm -> GELU."""

    def __init__(self, tokens_per_frame: int, vocab_size: int, token_width: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocab_size, token_width)
        self.mix = nn.Sequential(
            nn.Linear(tokens_per_frame * token_width, width), nn.LayerNorm(width), nn.GELU()
        )

    def forward(self, tokens: Tensor) -> Tensor:  # (B, F, N) -> (B, F, C)
        return self.mix(self.embed(tokens).flatten(2))


def replace_at_random(tokens: Tensor, rate: float, vocab_size: int) -> Tensor:
    """Scheduled sampling: each input token becomes, with probability `rate`, any id of [0, V)."""
    chosen = torch.rand(tokens.shape, device=tokens.device) < rate
    return torch.where(chosen, torch.randint_like(tokens, vocab_size), tokens)
