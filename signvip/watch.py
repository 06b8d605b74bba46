"""Losses and weights that are no longer finite end a training, and the last good checkpoint stays.

Gradients need no look of their own: what is not finite in them is in the weights at once, and in the next loss. (Half
precision's scaler, which tries scales that are too large, leaves such steps out.)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from signvip.errors import RunError
from signvip.finite import all_finite, not_finite

if TYPE_CHECKING:
    from accelerate import Accelerator
    from diffusers.training_utils import EMAModel

    from signvip.config import Training


class Watch:
    """Sees every step, and asks the card only where the loop reads from it anyway."""

    def __init__(self, accelerator: Accelerator, phase: str, training: Training) -> None:
        self.accelerator, self.phase, self.training = accelerator, phase, training
        self._fine: Tensor | None = None

    def see(self, loss: Tensor) -> None:
        """Take the loss of a step."""
        fine = loss.detach().isfinite().all()
        self._fine = fine if self._fine is None else self._fine & fine

    def refuse(self, step: int, kept: list[Path], weights: list[Tensor] | None = None) -> None:
        """RunError, in all processes, where a step since the last call, or a weight, was not finite in one."""
        fine = [self._fine] if self._fine is not None else []
        if weights is not None:
            fine.append(all_finite(weights).to(self.accelerator.device))
        self._fine = None
        if not fine or not float(self.accelerator.reduce((~torch.stack(fine).all()).float(), "sum")):
            return
        left = f"{kept[-1]} is kept" if kept else "no checkpoint was written yet"
        raise RunError(
            f"{self.phase} went astray by step {step}: its loss or its weights are not finite any more, and "
            f"{left}; train it again with a smaller learning rate than {self.training.learning_rate:g}."
        )


def weights_of(module: nn.Module, averages: EMAModel | None) -> list[Tensor]:
    """All that a checkpoint keeps of a module, averages included; of weights that are spread this process's share."""
    found = [value for value in module.state_dict().values() if isinstance(value, Tensor)]
    found += [] if averages is None else list(averages.shadow_params)
    local = [value.to_local() if hasattr(value, "to_local") else value for value in found]
    return [value for value in local if value.is_floating_point() and value.numel()]


def refuse_broken(checkpoint: Path, module: nn.Module, averages: EMAModel | None) -> None:
    """RunError where a checkpoint gave back weights that are not finite."""
    named = dict(enumerate(weights_of(module, averages)))
    if not_finite({str(name): value for name, value in named.items()}) is not None:
        raise RunError(
            f"{checkpoint} holds numbers that are not finite; remove that folder to go on from the one before it, or "
            "start again with --fresh."
        )
