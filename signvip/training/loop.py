"""The one training loop. It knows nothing of sign language: a phase gives a module, batches and a loss.

Everything random depends on (seed, phase, step, process) alone, so a run that was stopped and resumed equals
one that never stopped, bit for bit on a CPU. Several processes share every step, each with its own batch, and every
validation; the main one alone writes. Nothing is read from the card but what is logged.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from accelerate import Accelerator, DistributedType
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedDataParallelKwargs
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.utils.data import Dataset

from signvip.errors import ConfigError, RunError
from signvip.registry import registry
from signvip.storage.checkpoints import Stateful, load_checkpoint, save_checkpoint
from signvip.storage.files import write_text
from signvip.storage.processes import join, loaders
from signvip.training.feeding import feed
from signvip.training.fsdp import check_torch, choose_blocks, gather, whole
from signvip.training.optimizer import build_optimizer
from signvip.training.schedule import build_schedule
from signvip.training.trainable import place_frozen, trained_and_frozen
from signvip.training.validation import Share, is_measured, together
from signvip.training.watch import refuse_checkpoint, refuse_loss, refuse_weights

if TYPE_CHECKING:
    from signvip.config import Training
    from signvip.progress import Reporter, Task

KEPT_CHECKPOINTS = 2
UNSUPPORTED = (DistributedType.DEEPSPEED, DistributedType.MEGATRON_LM)


class Phase(Protocol):
    """A stage of the paper, as the loop sees it."""

    name: str

    @property
    def idle(self) -> bool:
        """Return whether a step may leave some parameters without a gradient, which several processes must know."""
        ...

    @property
    def module(self) -> nn.Module:
        """Called as module(batch) -> (loss, values); what requires no gradient is frozen.

        Values are scalars to log, on the card until they are read. Networks that a step only reads are held
        by `trainable.Frozen`. The loop adds batch["step"], so that a draw can be one for all processes.
        """
        ...

    def batch(self, index: int) -> dict[str, Any]:
        """Return the batch of one step, a pure function of its index; runs in a worker process."""
        ...

    def validate(self, folder: Path) -> dict[str, float]:
        """Return numbers over the dev split; pictures to look at go to `folder`. The main process alone is asked.

        A phase that is also `validation.Measured` is asked for sums instead, every process for its share of the clips.
        """
        ...


@dataclass(frozen=True)
class _Batches(Dataset[dict[str, Any]]):
    """Batch number i of one process: batches are indexed, so resuming needs no position to be stored."""

    phase_batch: Any
    accumulation: int
    first: int
    last: int
    rank: int
    world: int

    def __len__(self) -> int:
        return self.last - self.first

    def __getitem__(self, position: int) -> dict[str, Any]:
        if position >= len(self):
            raise IndexError(position)
        index = self.first + position
        batch = self.phase_batch(index * self.world + self.rank)
        return {**batch, "step": index // self.accumulation}


def step_seed(seed: int, phase: str, index: int) -> int:
    """Return a seed for one step of one phase, the same whatever happened before."""
    return zlib.crc32(f"{seed}/{phase}/{index}".encode())


def check_precision(precision: str) -> None:
    """Raise ConfigError for half precision on a CPU: nothing scales its losses there, and small gradients vanish."""
    if precision == "fp16" and not torch.accelerator.is_available():
        raise ConfigError("Half precision (fp16) does not train on a CPU; add --set precision=no.")


def run_loop(
    phase: Phase,
    training: Training,
    folder: Path,
    *,
    seed: int,
    precision: str,
    reporter: Reporter,
) -> None:
    """Train `phase.module` in place, from the last checkpoint in `folder` if there is one.

    Afterwards the module holds the averaged weights where EMA is on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    accelerator = _accelerator(phase, training, folder, precision)
    reporter.say(f"{phase.name} {trained_and_frozen(phase.module)}")
    optimizer = build_optimizer(training, _trained(phase.module))
    schedule = build_schedule(training, optimizer)
    module, optimizer, schedule = accelerator.prepare(phase.module, optimizer, schedule)
    place_frozen(phase.module, accelerator.device)  # FSDP2 moves nothing but what it spreads
    parameters = _trained(phase.module)  # not before: FSDP2 puts others in their place
    averages = (
        EMAModel(parameters, decay=training.ema, use_ema_warmup=True, power=3 / 4, foreach=True)
        if training.ema
        else None
    )
    others = {"schedule": schedule, **({} if averages is None else {"averages": averages})}
    state = phase.module, optimizer, others
    start = _resume(accelerator, folder, *state)
    if averages is not None:
        averages.to(accelerator.device)  # not before: a checkpoint gives them back on the CPU

    def validate(done: int) -> None:
        share = partial(Share.of, seed=seed, whole=done == training.steps)
        with _whole(accelerator, phase.module):
            _validate(accelerator, phase, share, averages, parameters, folder, done)
            accelerator.wait_for_everyone()

    validated = _rewind(accelerator, folder / "metrics.jsonl", start)
    if start and not validated and _due(training, start, "validate"):
        validate(start)  # it was killed in it
    batches = _loader(phase, training, start, accelerator)
    with reporter.task(phase.name, training.steps, done=start) as task:
        for step in range(start, training.steps):
            for part in range(training.accumulation):
                index = step * training.accumulation + part
                index = index * accelerator.num_processes + accelerator.process_index
                torch.manual_seed(step_seed(seed, phase.name, index))
                with accelerator.accumulate(module):
                    loss, values = module(_to(next(batches), accelerator.device))
                    accelerator.backward(loss)
                    if accelerator.sync_gradients and training.clip_norm:
                        accelerator.clip_grad_norm_(parameters, training.clip_norm)
                    optimizer.step()
                    optimizer.zero_grad()
            schedule.step()
            if averages is not None:
                averages.step(parameters)
            done = step + 1
            if _due(training, done, "log"):
                mean, rate = accelerator.reduce(loss.detach(), "mean"), schedule.get_last_lr()[0]
                _log(accelerator, phase.name, folder, done, {"loss": mean, **values, "lr": rate}, task)
            else:
                task.advance()
            if _due(training, done, "checkpoint"):
                _checkpoint(accelerator, folder, done, *state)
            if _due(training, done, "validate"):
                validate(done)
    if averages is not None:
        averages.copy_to(parameters)
    if accelerator.distributed_type == DistributedType.FSDP:
        gather(phase.module)
    accelerator.wait_for_everyone()
    for tracker in accelerator.trackers:
        tracker.finish()  # `end_training` would also part from the processes that the next phase needs


def _due(training: Training, step: int, what: Literal["log", "checkpoint", "validate"]) -> bool:
    """Return whether something happens after a step; everything does after the last."""
    every: int = getattr(training, f"{what}_every")
    return step % every == 0 or step == training.steps


def _rewind(accelerator: Accelerator, metrics: Path, step: int) -> bool:
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


def _accelerator(phase: Phase, training: Training, folder: Path, precision: str) -> Accelerator:
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
    _check_kind(accelerator, phase.name, training)
    if accelerator.distributed_type == DistributedType.FSDP:
        check_torch()
        choose_blocks(accelerator.state.fsdp_plugin, phase.module)
    accelerator.init_trackers("tensorboard")
    return accelerator


def _check_kind(accelerator: Accelerator, phase: str, training: Training) -> None:
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


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def _whole(accelerator: Accelerator, module: nn.Module) -> AbstractContextManager[object]:
    """Gather all weights in every process, so that each can validate alone; do nothing where they are not spread."""
    if accelerator.distributed_type != DistributedType.FSDP:
        return nullcontext()
    return whole(module, bool(accelerator.state.fsdp_plugin.reshard_after_forward))


def _loader(phase: Phase, training: Training, start: int, accelerator: Accelerator) -> Any:
    count = training.accumulation
    data = _Batches(
        phase.batch,
        count,
        start * count,
        training.steps * count,
        accelerator.process_index,
        accelerator.num_processes,
    )
    kind = accelerator.device.type
    workers = min(loaders(kind) if training.workers is None else training.workers, len(data))
    return feed(data, workers, kind)


def _to(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for key, value in batch.items()
    }


def _log(
    accelerator: Accelerator,
    phase: str,
    folder: Path,
    step: int,
    found: Mapping[str, float | Tensor],
    task: Task | None,
) -> None:
    values = {name: float(value) for name, value in found.items()}  # read from the card here and nowhere else
    refuse_loss(values.get("loss", 0.0), phase, step, checkpoints(folder))
    if task is not None:
        task.advance(1, **{key: value for key, value in values.items() if key != "lr"})
    if not accelerator.is_main_process:
        return
    accelerator.log(values, step=step)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, **values}) + "\n")
    registry().log(phase, step, values)


def _checkpoint(
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


def checkpoints(folder: Path) -> list[Path]:
    """Return complete checkpoints of a phase, oldest first."""
    return sorted(path for path in folder.glob("checkpoint-*") if path.name[11:].isdigit())


def step_of(checkpoint: Path) -> int:
    """Return the step after which a checkpoint was written."""
    return int(checkpoint.name.rpartition("-")[2])


def _resume(
    accelerator: Accelerator, folder: Path, module: nn.Module, optimizer: Any, others: Stateful
) -> int:
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


def _validate(
    accelerator: Accelerator,
    phase: Phase,
    share: Callable[..., Share],
    averages: EMAModel | None,
    parameters: list[Any],
    folder: Path,
    step: int,
) -> None:
    """Measure the averaged weights where there are some, in the precision of training but not with its draws."""
    samples = folder / "samples" / f"step-{step:07d}"
    if accelerator.is_main_process:
        samples.mkdir(parents=True, exist_ok=True)
    accelerator.wait_for_everyone()
    phase.module.eval()
    if averages is not None:
        averages.store(parameters)
        averages.copy_to(parameters)
    with torch.random.fork_rng(_cards(accelerator)), torch.no_grad(), accelerator.autocast():
        values = _measured(accelerator, phase, share, samples)
    if averages is not None:
        averages.restore(parameters)
    phase.module.train()
    _log(accelerator, phase.name, folder, step, {f"dev/{key}": value for key, value in values.items()}, None)


def _measured(
    accelerator: Accelerator, phase: Phase, share: Callable[..., Share], folder: Path
) -> dict[str, float]:
    if is_measured(phase):
        own = share(len(phase.dev), rank=accelerator.process_index, world=accelerator.num_processes)
        return phase.scores(together(phase.measure(own, folder)))
    return phase.validate(folder) if accelerator.is_main_process else {}


def _cards(accelerator: Accelerator) -> list[int]:
    """Return the card of this process, by number: left to itself, torch would open every card there is."""
    return [torch.cuda.current_device()] if accelerator.device.type == "cuda" else []
