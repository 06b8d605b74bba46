"""Linear layers and 1x1 convolutions by oneDNN, where PyTorch's own choice on a CPU is slower.

PyTorch gives linear layers to MKL, which on AMD's processors does half of what oneDNN does, and on one thread it gives
1x1 convolutions of few pictures to a loop over them, which reads the weights once for each. Same weights, same names.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# oneDNN under its former name. Its operators are what torch's own compiler emits, and no public interface: a build
# that lacks one keeps its own layers.
AVAILABLE = torch.backends.mkldnn.is_available() and all(
    hasattr(torch.ops.mkldnn, name) for name in ("_linear_pointwise", "_convolution_pointwise")
)


def prefer_onednn(network: nn.Module) -> None:
    """Let a network's linear layers and 1x1 convolutions run by oneDNN where they can."""
    for module in network.modules():
        if type(module) is nn.Linear:
            module.__class__ = Linear
        elif type(module) is nn.Conv2d and module.kernel_size == (1, 1) and module.padding == (0, 0):
            module.__class__ = Pointwise


class Linear(nn.Linear):
    """A linear layer by oneDNN, where no gradient is asked for."""

    def forward(self, input: Tensor) -> Tensor:
        if not _applies(input, self.weight):
            return super().forward(input)
        return torch.ops.mkldnn._linear_pointwise(input, self.weight, self.bias, "none", [], "")


class Pointwise(nn.Conv2d):
    """A 1x1 convolution by oneDNN, where no gradient is asked for."""

    def forward(self, input: Tensor) -> Tensor:
        if not _applies(input, self.weight):
            return super().forward(input)
        places = self.padding, self.stride, self.dilation, self.groups
        return torch.ops.mkldnn._convolution_pointwise(input, self.weight, self.bias, *places, "none", [], "")


def _applies(x: Tensor, weight: Tensor) -> bool:
    """Say whether oneDNN's own operators, which have no gradient and ignore autocast, can take this."""
    return (
        AVAILABLE
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and not torch.is_grad_enabled()
        and not torch.is_autocast_enabled("cpu")
    )
