"""Small tensors on their way to a card, in the midst of a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def send(values: Sequence[Any], device: torch.device) -> Tensor:
    """Numbers as a tensor on a device; a card is not waited for, as `torch.tensor` would for all that it computes."""
    made = torch.tensor(values)
    return made.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else made.to(device)
