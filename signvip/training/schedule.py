"""The learning rate of a phase over its steps, by the name of its schedule in the configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffusers.optimization import get_scheduler

if TYPE_CHECKING:
    import torch

    from signvip.config import Training


def build_schedule(training: Training, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LambdaLR:
    """Return a linear warm-up, then a constant rate or a cosine that ends at zero with the last step."""
    constant = "constant_with_warmup" if training.warmup else "constant"
    return get_scheduler(
        training.schedule if training.schedule == "cosine" else constant,
        optimizer,
        num_warmup_steps=training.warmup,
        num_training_steps=training.steps,
    )
