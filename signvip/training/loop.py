"""The one training loop. It knows nothing of sign language: a phase gives a module, batches and a loss.

Everything random depends on (seed, phase, step, process) alone, so a run that was stopped and resumed equals
one that never stopped, bit for bit on a CPU. Several processes share every step, each with its own batch, and every
validation; the main one alone writes. Nothing is read from the card but what is logged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import torch
from accelerate import Accelerator, DistributedType
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from signvip.registry import registry
from signvip.training.batches import batches_from, to_device
from signvip.training.devices import cards, make_accelerator, whole_weights
from signvip.training.fsdp import gather
from signvip.training.optimizer import build_optimizer
from signvip.training.resume import checkpoints, resume, rewind, write_checkpoint
from signvip.training.schedule import build_schedule
from signvip.training.seeds import step_seed
from signvip.training.trainable import place_frozen, trained_and_frozen
from signvip.training.validation import Share, is_measured, together
from signvip.training.watch import refuse_loss

if TYPE_CHECKING:
    from pathlib import Path

    from signvip.config import Training
    from signvip.progress import Reporter, Task
    from signvip.training.phase import Phase


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
    accelerator = make_accelerator(phase, training, folder, precision)
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
    start = resume(accelerator, folder, *state)
    if averages is not None:
        averages.to(accelerator.device)  # not before: a checkpoint gives them back on the CPU

    def validate(done: int) -> None:
        share = partial(Share.of, seed=seed, whole=done == training.steps)
        with whole_weights(accelerator, phase.module):
            _validate(accelerator, phase, share, averages, parameters, folder, done)
            accelerator.wait_for_everyone()

    validated = rewind(accelerator, folder / "metrics.jsonl", start)
    if start and not validated and _due(training, start, "validate"):
        validate(start)  # it was killed in it
    batches = batches_from(phase, training, start, accelerator)
    with reporter.task(phase.name, training.steps, done=start) as task:
        for step in range(start, training.steps):
            for part in range(training.accumulation):
                index = step * training.accumulation + part
                index = index * accelerator.num_processes + accelerator.process_index
                torch.manual_seed(step_seed(seed, phase.name, index))
                with accelerator.accumulate(module):
                    loss, values = module(to_device(next(batches), accelerator.device))
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
                write_checkpoint(accelerator, folder, done, *state)
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


def _trained(module: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


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
    with torch.random.fork_rng(cards(accelerator)), torch.no_grad(), accelerator.autocast():
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
