"""The optimizer of a phase, by its name in the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from signvip.errors import ConfigError

if TYPE_CHECKING:
    from signvip.config import Training


def build_optimizer(training: Training, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    """AdamW, with its moments in 32 or in 8 bits; ConfigError where its library is missing."""
    makers = {"adamw": _adamw, "adamw8bit": _adamw8bit}
    return makers[training.optimizer](training, parameters)


def _adamw(training: Training, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(
        parameters,
        training.learning_rate,
        betas=training.betas,
        weight_decay=training.weight_decay,
        fused=True,
    )


def _adamw8bit(training: Training, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
    try:
        from bitsandbytes.optim import AdamW8bit
    except ImportError as error:
        raise ConfigError(
            "optimizer=adamw8bit needs bitsandbytes, which is not installed; run: pip install 'signvip[gpu]', or "
            "set optimizer=adamw."
        ) from error
    return AdamW8bit(
        parameters, training.learning_rate, betas=training.betas, weight_decay=training.weight_decay
    )
