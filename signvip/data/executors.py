"""Do tasks in this process, in workers beside it or on a Ray cluster, with the same results in the same order.

A task is a tuple of arguments, the work a picklable callable: each worker gets a copy of it once and keeps it, so that
what the work loads on its first task, such as a model, serves all the others of that worker.
"""

from __future__ import annotations

import errno
import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

from pebble import ProcessExpired, ProcessPool

from signvip.errors import SignVipError
from signvip.storage.processes import can_lock

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


@dataclass(frozen=True)
class Here:
    """In this process, one after the other; nothing can be stopped that hangs."""

    def __call__(
        self, work: Callable[..., Result], tasks: Sequence[Task]
    ) -> Generator[Result | str, None, None]:
        for task in tasks:
            yield attempt(work, task)


@dataclass(frozen=True)
class Processes:
    """In worker processes. One that hangs for `time_limit` seconds on a task, or dies twice, costs that task alone."""

    workers: int
    time_limit: float | None

    def __call__(
        self, work: Callable[..., Result], tasks: Sequence[Task]
    ) -> Generator[Result | str, None, None]:
        if not can_lock():  # nothing can be shared with workers here
            yield from Here()(work, tasks)
            return
        # Forked, so that plugins given as files are known in the workers, and the dataset's list is not sent to them.
        fork = multiprocessing.get_context("fork")
        with ProcessPool(self.workers, initializer=_take, initargs=[work], context=fork) as pool:

            def start(task: Task) -> Future[Any]:
                return pool.schedule(_attempt_taken, args=[task], timeout=self.time_limit)

            waiting: deque[tuple[Task, Future[Any]]] = deque()
            try:
                for task in tasks:
                    waiting.append((task, start(task)))
                    if len(waiting) >= max(AHEAD, 2 * self.workers):
                        yield self._result(start, *waiting.popleft())
                while waiting:
                    yield self._result(start, *waiting.popleft())
            except BaseException:
                pool.stop()
                raise

    def _result(self, start: Callable[[Task], Future[Any]], task: Task, future: Future[Any]) -> Any:
        for tried in range(1, TRIES + 1):
            try:
                return future.result()
            except TimeoutError:
                return too_long(self.time_limit)
            except ProcessExpired:
                if tried < TRIES:
                    future = start(task)
        return KILLED


_work: Callable[..., Any] | None = None  # of a worker process


def _take(work: Callable[..., Any]) -> None:
    global _work
    _work = work


def _attempt_taken(task: Task) -> Any:
    assert _work is not None, "the pool's initializer sets it"
    return attempt(_work, task)


def choose_executor(
    kind: Literal["local", "ray"], workers: int | None, time_limit: float | None, *, gpus: bool = False
) -> Executor:
    """Return the machinery: a Ray cluster, worker processes, or without any this process.

    Without a number, a cluster has a worker for each core, or with `gpus` for each GPU, if it has any.
    """
    if kind == "ray":
        from signvip.data.cluster import Ray

        return Ray(time_limit, workers, gpus)
    return Processes(workers, time_limit) if workers else Here()


def too_long(seconds: float | None) -> str:
    """Return the reason of a task that was stopped."""
    return f"it took longer than {seconds:g} s; raise --time-limit and run again with --retry-failed, or leave it out"
