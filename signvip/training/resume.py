"""Checkpoints of a phase, written whole or not at all, and how a training goes on from the last."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING, Any

from signvip.errors import RunError
from signvip.storage.checkpoints import Stateful, load_checkpoint, save_checkpoint
from signvip.storage.files import write_text
from signvip.training.watch import refuse_checkpoint, refuse_weights

if TYPE_CHECKING:
    from pathlib import Path

    from accelerate import Accelerator
    from torch import nn

KEPT_CHECKPOINTS = 2


def checkpoints(folder: Path) -> list[Path]:
    """Return complete checkpoints of a phase, oldest first."""
    return sorted(path for path in folder.glob("checkpoint-*") if path.name[11:].isdigit())


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def write_checkpoint(
    accelerator: Accelerator, folder: Path, step: int, module: nn.Module, optimizer: Any, others: Stateful
) -> None:
    """Write a checkpoint under a temporary name and rename it, so that it is there whole or not at all."""
    refuse_weights(accelerator, module, others.get("averages"), folder.name, step, checkpoints(folder))
    target, partial = folder / f"checkpoint-{step:07d}", folder / ".checkpoint.partial"
    if accelerator.is_main_process:
        shutil.rmtree(partial, ignore_errors=True)
    accelerator.wait_for_everyone()
    save_checkpoint(accelerator, partial, module, optimizer, others)
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        shutil.rmtree(target, ignore_errors=True)
        os.replace(partial, target)
        for old in checkpoints(folder)[:-KEPT_CHECKPOINTS]:
            shutil.rmtree(old)


def resume(
    accelerator: Accelerator, folder: Path, module: nn.Module, optimizer: Any, others: Stateful
) -> int:
    """Take up the state of the last checkpoint, and return its step; 0 where there is none."""
    found = checkpoints(folder)
    if not found:
        return 0
    try:
        load_checkpoint(accelerator, found[-1], module, optimizer, others)
    except RunError:
        raise
    except Exception as error:  # torch, safetensors and JSON each raise their own for a damaged file
        raise RunError(
            f"{found[-1]} cannot be resumed ({type(error).__name__}); remove that folder to go on from the one "
            "before it, or start again with --fresh."
        ) from error
    refuse_checkpoint(found[-1], module, others.get("averages"))
    return step_of(found[-1])


def rewind(accelerator: Accelerator, metrics: Path, step: int) -> bool:
    """Forget what was logged after a checkpoint, for it is done again; returns whether its step was validated."""
    rows, validated = [], False
    for line in metrics.read_text().splitlines() if metrics.is_file() else []:
        try:
            row = json.loads(line)
        except ValueError:
            break  # it was killed while it wrote
        if row["step"] > step:
            break
        rows.append(line)
        validated = row["step"] == step and "loss" not in row
    accelerator.wait_for_everyone()  # until every process has read it
    if accelerator.is_main_process:
        write_text(metrics, "".join(f"{row}\n" for row in rows))
    return validated
