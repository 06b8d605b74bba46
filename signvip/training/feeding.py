"""Batches made by other processes, and how they come here: by shared memory where there is enough, else by a pipe.

Containers often have 64 MB in /dev/shm. A worker that finds it full cannot tell, and its batch is waited for for ever.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from signvip.errors import RunError
from signvip.storage.processes import can_lock

SHARED = Path("/dev/shm")
ENOUGH = 2**30  # bytes for each process that trains: 8 workers with 5 batches of 24 frames of 512x512
PATIENCE = 1800  # seconds for one batch: one that takes longer will never come
_FAULTS = ("DataLoader", "shared memory", "Bus error")  # of torch's own RuntimeErrors about its workers


def feed(data: Dataset[dict[str, Any]], workers: int, device: str) -> Iterator[dict[str, Any]]:
    """Give the items of a data set in order, made by worker processes; RunError where these are stopped.

    Workers start here and not with the first item: they draw a seed, which no step may miss.
    """
    workers = workers if can_lock() else 0
    wanted = ENOUGH * int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    if workers and (free := _free()) is not None and free < wanted:
        return _unpacked(iter(_loader(_Plain(data), workers, pin=False)), pin=device == "cuda")
    return _watched(iter(_loader(data, workers, pin=device == "cuda")))


class _Plain(Dataset[dict[str, Any]]):
    """Tensors as arrays, which are pickled as they are and need no shared memory."""

    def __init__(self, data: Dataset[dict[str, Any]]) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)  # type: ignore[arg-type]

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.data[index]
        return {key: value.numpy() if isinstance(value, Tensor) else value for key, value in item.items()}


def _unpacked(items: Iterator[dict[str, Any]], *, pin: bool) -> Iterator[dict[str, Any]]:
    for item in _watched(items):
        batch = {
            key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for key, value in item.items()
        }
        yield _pinned(batch) if pin else batch


def _pinned(batch: Mapping[str, Any]) -> dict[str, Any]:
    """Pin in memory that a card can read while it computes."""
    return {key: value.pin_memory() if isinstance(value, Tensor) else value for key, value in batch.items()}


def _loader(data: Dataset[dict[str, Any]], workers: int, *, pin: bool) -> DataLoader[dict[str, Any]]:
    return DataLoader(
        data,
        batch_size=None,
        num_workers=workers,
        collate_fn=_as_it_is,
        prefetch_factor=4 if workers else None,
        pin_memory=pin,  # else a copy to the card waits for all that it still computes
        timeout=PATIENCE if workers else 0,
    )


def _as_it_is(item: Any) -> Any:
    return item


def _watched(items: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    try:
        yield from items
    except RuntimeError as error:
        if not any(word in str(error) for word in _FAULTS):
            raise
        raise RunError(
            f"A process that loads clips was stopped ({str(error).splitlines()[0]}); train again with fewer workers "
            "(--set stage1.image.workers=0 and so on), more memory, or a larger /dev/shm."
        ) from error


def _free() -> int | None:
    """Return the bytes of shared memory that are free; None where it is not a file system of its own."""
    try:
        about = os.statvfs(SHARED)
    except OSError:
        return None
    return about.f_bavail * about.f_frsize
