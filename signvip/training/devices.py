"""The devices and processes of a training: precision, batches and weights shared between them, by accelerate."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import torch
from accelerate import Accelerator, DistributedType
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs
from torch import nn

from signvip.errors import ConfigError
from signvip.storage.processes import join
from signvip.training.fsdp import check_torch, choose_blocks, whole

if TYPE_CHECKING:
    from pathlib import Path

    from signvip.config import Training
    from signvip.training.phase import Phase

UNSUPPORTED = (DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)


def make_accelerator(phase: Phase, training: Training, folder: Path, precision: str) -> Accelerator:
    """Join the processes that share the work, and choose their precision."""
    check_precision(precision)
    join()
    if AcceleratorState._shared_state.get("_mixed_precision", precision) != precision:
        AcceleratorState._reset_state()  # it keeps the precision of an earlier training in this process
    accelerator = Accelerator(
        cpu=not torch.accelerator.is_available(),
        mixed_precision=precision,
        gradient_accumulation_steps=training.accumulation,
        log_with="tensorboard",
        project_dir=str(folder),
        step_scheduler_with_optimizer=False,
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=phase.idle)],
    )
    check_kind(accelerator, phase.name, training)
    if accelerator.distributed_type == DistributedType.FSDP:
        check_torch()
        choose_blocks(accelerator.state.fsdp_plugin, phase.module)
    accelerator.init_trackers("tensorboard")
    return accelerator


def check_precision(precision: str) -> None:
    """Raise ConfigError for half precision on a CPU: nothing scales its losses there, and small gradients vanish."""
    if precision == "fp16" and not torch.accelerator.is_available():
        raise ConfigError("Half precision (fp16) does not train on a CPU; add --set precision=no.")


def check_kind(accelerator: Accelerator, phase: str, training: Training) -> None:
    """Refuse ways of sharing the work by which nobody could validate, resume or save."""
    kind = accelerator.distributed_type
    if kind in UNSUPPORTED or (kind == DistributedType.FSDP and not accelerator.is_fsdp2):
        raise ConfigError(
            f"{kind.value} is not the way that weights are shared here; choose FSDP with fsdp_version 2, or "
            "MULTI_GPU, in accelerate's configuration."
        )
    if kind == DistributedType.FSDP and training.ema:
        raise ConfigError(
            f"{phase} averages its weights (ema={training.ema:g}), of which FSDP leaves each process a share that no "
            "checkpoint holds; set ema=0."
        )


def whole_weights(accelerator: Accelerator, module: nn.Module) -> AbstractContextManager[object]:
    """Gather all weights in every process, so that each can validate alone; do nothing where they are not spread."""
    if accelerator.distributed_type != DistributedType.FSDP:
        return nullcontext()
    return whole(module, bool(accelerator.state.fsdp_plugin.reshard_after_forward))


def cards(accelerator: Accelerator) -> list[int]:
    """Return the card of this process, by number: left to itself, torch would open every card there is."""
    return [torch.cuda.current_device()] if accelerator.device.type == "cuda" else []
