"""The batches of one process: a pure function of their index, so that resuming needs no position to be stored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.utils.data import Dataset

from signvip.storage.processes import loaders
from signvip.training.feeding import feed

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator

    from signvip.config import Training
    from signvip.training.phase import Phase


@dataclass(frozen=True)
class _Batches(Dataset[dict[str, Any]]):
    """Batch number i of one process, by its index."""

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


def batches_from(
    phase: Phase, training: Training, start: int, accelerator: Accelerator
) -> Iterator[dict[str, Any]]:
    """Give the batches of this process from step `start` on, made by worker processes."""
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


def to_device(batch: dict[str, Any], device: torch.device) -> dict[str, Any]:
    """Send the tensors of a batch to a device, without waiting for them."""
    return {
        key: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for key, value in batch.items()
    }
