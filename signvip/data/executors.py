"""Do tasks in this process, in workers beside it or on a Ray cluster, with the same results in the same order."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal

from pebble import ProcessExpired, ProcessPool

from signvip.data.tasks import AHEAD, KILLED, TRIES, Executor, Result, Task, attempt, too_long
from signvip.storage.processes import can_lock


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
