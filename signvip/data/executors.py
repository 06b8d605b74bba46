"""Turn clips into samples in this process, in workers beside it or on a Ray cluster, with the same results."""

from __future__ import annotations

import errno
import multiprocessing
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pebble import ProcessExpired, ProcessPool

from signvip.data.sample import Recipe
from signvip.errors import DataError, PluginError
from signvip.storage.processes import can_lock

Task = tuple[str, str]
"""Split and id of a clip."""

Made = dict[str, bytes] | str
"""The members of a sample, or a sentence that says why there is none."""

KILLED = (
    "its worker was killed, most likely for want of memory; run again with --retry-failed and fewer --workers"
)
TIME_LIMIT = 600.0  # seconds per clip, by default
AHEAD = 64  # clips that may be done before the one that is waited for


class Executor(Protocol):
    """Makes clips into samples, in the order of the tasks; closing the iterator ends all work."""

    def __call__(self, recipe: Recipe, tasks: Sequence[Task]) -> Generator[Made, None, None]: ...


def make(recipe: Recipe, split: str, clip_id: str) -> Made:
    """Make one sample, or return what is wrong with the clip in its place. OSError where the disk is full."""
    try:
        return recipe.make(split, clip_id)
    except DataError as error:
        return str(error)
    except Exception as error:  # readers, estimators and conditions may be foreign code
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            raise
        return f"{type(error).__name__}: {error}"


@dataclass(frozen=True)
class Here:
    """In this process, one after the other; nothing can be stopped that hangs."""

    def __call__(self, recipe: Recipe, tasks: Sequence[Task]) -> Generator[Made, None, None]:
        for split, clip_id in tasks:
            yield make(recipe, split, clip_id)


@dataclass(frozen=True)
class Processes:
    """In worker processes. One that hangs for `time_limit` seconds on a clip, or dies, costs that clip alone."""

    workers: int
    time_limit: float

    def __call__(self, recipe: Recipe, tasks: Sequence[Task]) -> Generator[Made, None, None]:
        if not can_lock():  # nothing can be shared with workers here
            yield from Here()(recipe, tasks)
            return
        # Forked, so that plugins given as files are known in the workers, and the dataset's list is not sent to them.
        fork = multiprocessing.get_context("fork")
        with ProcessPool(self.workers, initializer=_take, initargs=[recipe], context=fork) as pool:
            waiting: deque[Future[Made]] = deque()
            try:
                for task in tasks:
                    waiting.append(pool.schedule(_make_taken, args=task, timeout=self.time_limit))
                    if len(waiting) >= max(AHEAD, 2 * self.workers):
                        yield self._result(waiting.popleft())
                while waiting:
                    yield self._result(waiting.popleft())
            except BaseException:
                pool.stop()
                raise

    def _result(self, future: Future[Made]) -> Made:
        try:
            return future.result()
        except TimeoutError:
            return too_long(self.time_limit)
        except ProcessExpired:
            return KILLED


_recipe: Recipe | None = None  # of a worker process


def _take(recipe: Recipe) -> None:
    global _recipe
    _recipe = recipe


def _make_taken(split: str, clip_id: str) -> Made:
    assert _recipe is not None, "the pool's initializer sets it"
    return make(_recipe, split, clip_id)


@dataclass(frozen=True)
class Ray:
    """On the Ray cluster that RAY_ADDRESS names, else on a local one; footage and packages must be there too."""

    time_limit: float

    def __call__(self, recipe: Recipe, tasks: Sequence[Task]) -> Generator[Made, None, None]:
        ray = _import_ray()
        ray.init(ignore_reinit_error=True, log_to_driver=False)
        remote, shared = ray.remote(max_retries=0)(make), ray.put(recipe)
        ahead = max(AHEAD, 2 * int(ray.cluster_resources().get("CPU", 1)))
        waiting: deque[Any] = deque()
        try:
            for task in tasks:
                waiting.append(remote.remote(shared, *task))
                if len(waiting) >= ahead:
                    yield self._result(ray, waiting.popleft())
            while waiting:
                yield self._result(ray, waiting.popleft())
        finally:
            for reference in waiting:
                ray.cancel(reference, force=True)

    def _result(self, ray: Any, reference: Any) -> Made:
        """Return the result that is waited for: all before it are done, so it has been running if any has."""
        try:
            made: Made = ray.get(reference, timeout=self.time_limit)
            return made
        except ray.exceptions.GetTimeoutError:
            ray.cancel(reference, force=True)
            return too_long(self.time_limit)
        except ray.exceptions.WorkerCrashedError:
            return KILLED


def choose_executor(kind: Literal["local", "ray"], workers: int, time_limit: float = TIME_LIMIT) -> Executor:
    """Return the maker of samples: a Ray cluster, worker processes, or without any this process."""
    if kind == "ray":
        return Ray(time_limit)
    return Processes(workers, time_limit) if workers else Here()


def too_long(seconds: float) -> str:
    """Return the reason of a clip that was stopped."""
    return f"it took longer than {seconds:g} s; raise --time-limit and run again with --retry-failed, or leave it out"


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise PluginError(
            "--executor ray needs Ray, which is not installed; run: pip install 'signvip[ray]'"
        ) from error
    return ray
