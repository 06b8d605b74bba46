"""Losses and weights that are no longer finite end a training, and the last good checkpoint stays.

The loss is looked at where it is logged, and weights where they are stored: in between nothing waits for a card. What
is not finite in a loss or in a gradient is in the weights at once, and in every later loss. (Half precision's scaler,
which tries scales that are too large, leaves such steps out.)
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor, nn

from signvip.errors import RunError
from signvip.storage.finite import all_finite

if TYPE_CHECKING:
    from accelerate import Accelerator
    from diffusers.training_utils import EMAModel


def refuse_loss(loss: float, phase: str, step: int, kept: list[Path]) -> None:
    """Raise RunError for a loss that is not finite."""
    if not math.isfinite(loss):
        raise RunError(_astray(phase, step, "its loss is", kept))


def refuse_weights(
    accelerator: Accelerator,
    module: nn.Module,
    averages: EMAModel | None,
    phase: str,
    step: int,
    kept: list[Path],
) -> None:
    """Raise RunError, in all processes, where a weight to be stored is not finite in one of them."""
    fine = all_finite(_stored(module, averages)).to(accelerator.device)
    if float(accelerator.reduce(fine.float(), "mean")) < 1:
        raise RunError(_astray(phase, step, "its weights are", kept))


def refuse_checkpoint(checkpoint: Path, module: nn.Module, averages: EMAModel | None) -> None:
    """Raise RunError where a checkpoint gave back weights that are not finite."""
    if not bool(all_finite(_stored(module, averages))):
        raise RunError(
            f"{checkpoint} holds numbers that are not finite; remove that folder to go on from the one before it, or "
            "start again with --fresh."
        )


def _stored(module: nn.Module, averages: EMAModel | None) -> list[Tensor]:
    """Return all that a checkpoint keeps of a module and its averages; of spread weights, this process's share."""
    found = [value for value in module.state_dict().values() if isinstance(value, Tensor)]
    found += [] if averages is None else list(averages.shadow_params)
    local = [value.to_local() if hasattr(value, "to_local") else value for value in found]
    return [value for value in local if value.is_floating_point()]


def _astray(phase: str, step: int, what: str, kept: list[Path]) -> str:
    left = f"{kept[-1]} is kept" if kept else "no checkpoint was written yet"
    return (
        f"{phase} went astray by step {step}: {what} not finite any more, and {left}; train it again with a smaller "
        "learning rate."
    )
