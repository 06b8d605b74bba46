"""Small tensors on their way to a card, in the midst of a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def send(values: Sequence[Any], device: torch.device) -> Tensor:
    """Put numbers into a tensor on a device without waiting for a card to finish, as `torch.tensor` would."""
    made = torch.tensor(values)
    return made.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else made.to(device)
