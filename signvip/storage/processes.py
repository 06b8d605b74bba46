"""The processes of one training, as torchrun and accelerate start them: one writes, all wait for it.

Nothing here imports torch unless there are several: the command line stays quick.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
from datetime import timedelta

LOCKS = 64  # a page of shared memory each, as long as it lives: what eight workers and their queues need
MOST_LOADERS = 8  # more than that wait for the disk
PATIENCE = timedelta(hours=3)  # the main process validates meanwhile; NCCL's own ten minutes may be too short


def is_main() -> bool:
    """Return whether this process writes what all share; they must see the same disk."""
    return int(os.environ.get("RANK", "0")) == 0


def several() -> bool:
    """Return whether this process was started as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def loaders(device: str) -> int:
    """Return how many processes load data for each that trains: on a CPU one, since training needs the cores."""
    if device == "cpu":
        return 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_LOADERS, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1")) - 1))


def can_lock() -> bool:
    """Return whether processes can share the locks of a few queues, for which some containers have no memory."""
    try:
        [multiprocessing.Lock() for _ in range(LOCKS)]
    except OSError:
        return False
    return True


def join() -> None:
    """Meet the other processes; call this before anything else that asks accelerate for them."""
    if not several():
        return
    import torch
    from accelerate import PartialState

    if not torch.distributed.is_initialized():
        # without a word about the CPU, accelerate lets every process of torchrun train alone there
        state = PartialState(cpu=not torch.accelerator.is_available(), timeout=PATIENCE)
        atexit.register(state.destroy_process_group)


def wait() -> None:
    """Wait until every process has come here."""
    if several():
        from accelerate import PartialState

        join()
        PartialState().wait_for_everyone()
