"""How well a codebook is used, over a whole data set and not only a batch (stage II's log)."""

from __future__ import annotations

import torch
from torch import Tensor


class CodeUsage:
    """Counts tokens batch by batch."""

    def __init__(self, vocab_size: int) -> None:
        self.counts = torch.zeros(vocab_size, dtype=torch.long)

    def add(self, tokens: Tensor) -> None:
        """Count tokens of any shape, all in [0, V)."""
        self.counts += torch.bincount(tokens.detach().flatten().cpu().long(), minlength=len(self.counts))

    @property
    def usage(self) -> float:
        """Share of the codes that occurred at all."""
        return float((self.counts > 0).float().mean())

    @property
    def perplexity(self) -> float:
        """Exponential of the entropy: how many equally frequent codes would say as much; 0 before any token."""
        shares = self.counts[self.counts > 0].double() / self.counts.sum()
        return float(shares.mul(shares.log()).sum().neg().exp()) if len(shares) else 0.0
