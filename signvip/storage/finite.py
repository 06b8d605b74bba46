"""Numbers that are none (NaN, infinite): weights of them make a video of one colour, and logits token 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn


def not_finite(weights: Mapping[str, Any]) -> str | None:
    """Return the name of the first tensor that holds a number which is not finite; None where there is none."""
    for name, value in weights.items():
        if isinstance(value, Tensor) and not is_finite(value):
            return name
    return None


def broken_weight(model: object) -> str | None:
    """Return the same, of what a network stores; what is not a network has none."""
    return not_finite(model.state_dict()) if isinstance(model, nn.Module) else None


@torch.no_grad()
def is_finite(values: Tensor) -> bool:
    """Return whether all numbers of a tensor are finite; integers are, and so is what has no numbers yet."""
    if not values.is_floating_point() or values.device.type == "meta":
        return True
    return bool(values.isfinite().all())


@torch.no_grad()
def all_finite(values: Iterable[Tensor]) -> Tensor:
    """Return whether all numbers of some tensors are finite, as a scalar on their device: nothing is copied from it."""
    return torch.stack([value.isfinite().all() for value in values]).all()
