"""N layers of one kind as one: parameters stacked along a first axis N, applied by one batched product."""

from __future__ import annotations

from typing import Self

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
        if x.shape[1] == 1 and self.weight.mT.is_contiguous():
            y = torch.bmm(
                self.weight.mT, x.mT
            ).mT  # the matrix first: a product with one column, read in order
            return y if self.bias is None else y + self.bias
        if self.bias is None:
            return torch.bmm(x, self.weight)
        return torch.baddbmm(self.bias, x, self.weight)

    def order_by_outputs(self) -> None:
        """Let the weights of one output lie side by side; shape and values stay.

        One row a layer is as fast as memory is read: on a CPU a third faster so, and the copy is worth a few frames.
        Sharded weights lie where they are.
        """
        if self.weight.device.type == "cpu" and not _distributed():
            self.weight.data = self.weight.data.mT.contiguous().mT

    def train(self, mode: bool = True) -> Self:
        """Training has the weights as they were made, whether a validation came before or not."""
        if mode and not self.weight.is_contiguous():
            self.weight.data = self.weight.data.contiguous()
        return super().train(mode)


def _distributed() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


class StackedNorm(nn.Module):
    """N layer norms: norm n scales and shifts x[n]."""

    def __init__(self, count: int, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(count, 1, width))
        self.bias = nn.Parameter(torch.zeros(count, 1, width))

    def forward(self, x: Tensor) -> Tensor:  # (N, M, C)
        return functional.layer_norm(x, x.shape[-1:]) * self.weight + self.bias
