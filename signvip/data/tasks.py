"""Tasks that are done for a dataset or for many videos: what an executor is given, and how a task fails.

A task is a tuple of arguments, the work a picklable callable: each worker gets a copy of it once and keeps it, so that
what the work loads on its first task, such as a model, serves all the others of that worker.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Generator, Sequence
from typing import Any, Protocol, TypeVar

from signvip.errors import SignVipError

Result = TypeVar("Result")
Task = tuple[Any, ...]
"""The arguments of one call of the work."""

TIME_LIMIT = 600.0  # seconds a task, by default
AHEAD = 64  # tasks that may be done before the one that is waited for
TRIES = 2  # a machine may take a worker away for reasons that are not the task's
KILLED = "its worker was killed twice, likely for want of memory; run again with --retry-failed and fewer --workers"


class Executor(Protocol):
    """Calls the work for every task, in their order; closing the iterator ends it all.

    A task that fails gives a sentence that says why, in the place of its result.
    """

    def __call__(
        self, work: Callable[..., Result], tasks: Sequence[Task]
    ) -> Generator[Result | str, None, None]: ...


def attempt(work: Callable[..., Result], task: Task) -> Result | str:
    """Do a task, or return what is wrong with it in the place of its result. OSError where the disk is full."""
    try:
        return work(*task)
    except SignVipError as error:
        return str(error)
    except Exception as error:  # readers, estimators, conditions and models may be foreign code
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        return f"{type(error).__name__}: {error}"


def too_long(seconds: float | None) -> str:
    """Return the reason of a task that was stopped."""
    return f"it took longer than {seconds:g} s; raise --time-limit and run again with --retry-failed, or leave it out"
