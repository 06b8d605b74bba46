"""Checks that every quantizer here makes before it works."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from signvip.errors import MismatchError


def check_latents(z: Tensor, dim: int) -> None:
    """Raise MismatchError for z that is not (B, dim, h, w): one channel would pass for all of them in silence."""
    if z.ndim != 4 or z.shape[1] != dim:
        raise MismatchError(
            f"This quantizer takes latents (B, {dim}, h, w), not {tuple(z.shape)}; match its channels."
        )


def check_tokens(tokens: Tensor, vocab_size: int) -> Tensor:
    """Tokens of any integer type, to look up; MismatchError outside [0, V), where one would wrap to another code."""
    tokens = tokens.long()  # shards store unsigned ones, which torch cannot even compare
    if not tokens.numel():
        return tokens
    low, high = (int(bound) for bound in tokens.aminmax())
    if low < 0 or high >= vocab_size:
        wrong = low if low < 0 else high
        raise MismatchError(
            f"Token {wrong} is outside the {vocab_size} codes of this quantizer; the tokens come from another "
            "one, so make them again with: signvip tokenize"
        )
    return tokens


def in_full_precision(z: Tensor) -> AbstractContextManager[object]:
    """Turn off autocast where z is; there is none to turn off on a device without it, such as `meta`."""
    device = z.device.type
    available = torch.amp.is_autocast_available(device)
    return torch.autocast(device, enabled=False) if available else nullcontext()
