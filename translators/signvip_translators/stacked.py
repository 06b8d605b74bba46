"""N layers of one kind as one: parameters stacked along a first axis N, applied by one batched product."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

INITIAL_SCALE = (
    0.55  # over sqrt(width): GPT-2's 0.02 at its 768; with 0.02 a narrow network learns too slowly
)


class StackedLinear(nn.Module):
    """N linear layers: layer n maps x[n]."""

    def __init__(self, count: int, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, inputs, outputs) * INITIAL_SCALE * inputs**-0.5)
        self.bias = nn.Parameter(torch.zeros(count, 1, outputs)) if bias else None

    def forward(self, x: Tensor) -> Tensor:  # (N, M, inputs) -> (N, M, outputs)
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias, x, self.weight)


class StackedNorm(nn.Module):
    """N layer norms: norm n scales and shifts x[n]."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(count, 1, width))
        self.bias = nn.Parameter(torch.zeros(count, 1, width))

    def forward(self, x: Tensor) -> Tensor:  # (N, M, C)
        return functional.layer_norm(x, x.shape[-1:]) * self.weight + self.bias
