"""How the processes of a test run share the machine, and what one of them makes for all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

# Networks of a test are too small to be worth a second thread, and threads that wait for work spin: beside another
# process on the same cores a test then takes minutes. To be set before torch is imported; processes that tests start
# inherit it.
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}
QUOTA = Path("/sys/fs/cgroup/cpu.max")
PATIENCE = (
    900  # seconds until what a test waits for is taken to hang: what works is done sooner on any machine
)
AT_MOST = 8  # to import torch and to collect every test takes each process ten seconds and a gigabyte


def count_workers(cores: int, quota: Path = QUOTA) -> int:
    """Return how many processes should share the tests on so many cores: fewer where a container may use fewer."""
    if quota.is_file():
        allowed, period = quota.read_text().split()
        if allowed != "max":
            cores = min(cores, int(allowed) // int(period))
    return min(max(cores, 1), AT_MOST)


def make_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """Return `folder` as make(folder) fills it: in the first process that needs it, while the others wait."""
    done = folder.with_name(f"{folder.name}.done")
    with FileLock(f"{folder}.lock"):
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)  # what a process left that failed halfway
            make(folder)
            done.touch()
    return folder


def signature(folder: Path) -> dict[str, tuple[int, int]]:
    """Return the size and the time of every file in `folder`: what changes when a test writes where it should read.

    Locks are left out: those of readers come and go while other processes run their tests.
    """
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.suffix != ".lock" and path.is_file()
    }


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0))
