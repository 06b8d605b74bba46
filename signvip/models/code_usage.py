"""Measure how well a codebook is used over a whole data set, not only a batch (stage II's log)."""

from __future__ import annotations

import torch
from torch import Tensor


class CodeUsage:
    """Counts tokens batch by batch."""

    def __init__(self, vocab_size: int) -> None:
        self.counts = torch.zeros(vocab_size, dtype=torch.long)

    @classmethod
    def of(cls, counts: Tensor) -> CodeUsage:
        """Usage by counts (V,) that were added up elsewhere."""
        usage = cls(len(counts))
        usage.counts += counts
        return usage

    def add(self, tokens: Tensor) -> None:
        """Count tokens of any shape, all in [0, V)."""
        seen = tokens.detach().flatten().cpu().long()
        self.counts.scatter_add_(0, seen, torch.ones_like(seen))

    @property
    def usage(self) -> float:
        """Share of the codes that occurred at all."""
        return float((self.counts > 0).float().mean())

    @property
    def perplexity(self) -> float:
        """Exponential of the entropy: how many equally frequent codes would say as much; 0 before any token."""
        total = int(self.counts.sum())
        return float(torch.special.entr(self.counts.double() / total).sum().exp()) if total else 0.0
