"""Store learned weights in half precision, but not position tables, statistics or the empty prompt.

They follow from a configuration or from data, take no room to speak of, and a rounded one is another one.
"""

from __future__ import annotations

import torch
from torch import nn


def learned_names(network: nn.Module) -> set[str]:
    """Return the names of the parameters that training changes; neither buffers nor frozen tables are among them."""
    return {name for name, weight in network.named_parameters() if weight.requires_grad}


def halve(network: nn.Module) -> None:
    """Make a network's learned parameters float16."""
    for weight in network.parameters():
        if weight.requires_grad:
            weight.data = weight.data.to(torch.float16)
