"""Do tasks on a Ray cluster: workers that keep what they loaded, and are replaced where one dies or hangs."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from signvip.data.tasks import AHEAD, KILLED, TRIES, Task, attempt, too_long
from signvip.errors import PluginError
from signvip.registry import plugin_files, registry

Result = TypeVar("Result")


@dataclass(frozen=True)
class Ray:
    """On the Ray cluster that RAY_ADDRESS names, else on a local one; footage and packages must be there too."""

    time_limit: float | None
    workers: int | None = None
    gpus: bool = False  # whether each worker wants a GPU of its own, where the cluster has any

    def __call__(
        self, work: Callable[..., Result], tasks: Sequence[Task]
    ) -> Generator[Result | str, None, None]:
        ray = _import_ray()
        ray.init(ignore_reinit_error=True, log_to_driver=False)
        crew = _Crew(ray, work, self._needs(ray), self.time_limit)
        try:
            yield from crew.results(tasks, self.workers or self._most(ray))
        finally:
            crew.dismiss()

    def _needs(self, ray: Any) -> dict[str, float]:
        return {"num_gpus": 1} if self.gpus and ray.cluster_resources().get("GPU") else {"num_cpus": 1}

    def _most(self, ray: Any) -> int:
        kind = "GPU" if "num_gpus" in self._needs(ray) else "CPU"
        return max(1, int(ray.cluster_resources().get(kind, 1)))


class _Worker:
    """The work in a process of the cluster; it comes pickled, since plugin files have to be loaded before it."""

    def __init__(self, pickled: bytes, files: Sequence[str], folder: str) -> None:
        os.chdir(folder)  # paths may be relative to where the command was started
        for file in files:
            registry().add_file(Path(file))
        self._work = pickle.loads(pickled)

    def start(self) -> None:
        """Answer, once everything is loaded."""

    def do(self, task: Task) -> Any:
        return attempt(self._work, task)


@dataclass
class _Job:
    """What a worker does: a task by its number, or where that is None its own start."""

    worker: Any
    number: int | None = None
    began: float = field(default_factory=time.monotonic)


class _Crew:
    """The workers of one call; each does one task at a time, so that a death costs no other task."""

    def __init__(
        self, ray: Any, work: Callable[..., Any], needs: dict[str, float], limit: float | None
    ) -> None:
        self._ray, self._limit = ray, limit
        self._hire = ray.remote(_Worker).options(**needs).remote
        self._work = ray.put(ray.cloudpickle.dumps(work))
        self._jobs: dict[Any, _Job] = {}  # by the reference of their result
        self._idle: list[Any] = []
        self._deaths: dict[int, int] = {}  # of workers, by the number of their task
        self._started = False

    def results(self, tasks: Sequence[Task], workers: int) -> Iterator[Any]:
        """Give the results in the order of the tasks."""
        for _ in range(min(workers, len(tasks))):
            self._replace()
        done: dict[int, Any] = {}
        todo, ahead = list(range(len(tasks)))[::-1], max(AHEAD, 2 * workers)
        for number in range(len(tasks)):
            while number not in done:
                while self._idle and todo and todo[-1] < number + ahead:
                    self._give(tasks, todo.pop())
                for finished, result in self._wait():
                    if result is _DIED:
                        todo.append(finished)
                    else:
                        done[finished] = result
            yield done.pop(number)

    def dismiss(self) -> None:
        """End every worker."""
        for worker in (*self._idle, *(job.worker for job in self._jobs.values())):
            self._ray.kill(worker)
        self._idle, self._jobs = [], {}

    def _replace(self) -> None:
        worker = self._hire(self._work, plugin_files(), os.getcwd())
        self._jobs[worker.start.remote()] = _Job(worker)

    def _give(self, tasks: Sequence[Task], number: int) -> None:
        worker = self._idle.pop()
        self._jobs[worker.do.remote(tasks[number])] = _Job(worker, number)

    def _wait(self) -> Iterator[tuple[int, Any]]:
        """Wait for something to happen; give (number of a task, its result) of what ended."""
        ready, _ = self._ray.wait(list(self._jobs), num_returns=1, timeout=self._patience())
        for reference in ready:
            yield from self._ended(reference, self._jobs.pop(reference))
        for reference, job in list(self._jobs.items()):
            if self._left(job) <= 0 and reference not in ready:
                del self._jobs[reference]
                self._ray.kill(job.worker)
                self._replace()
                assert job.number is not None
                yield job.number, too_long(self._limit)

    def _ended(self, reference: Any, job: _Job) -> Iterator[tuple[int, Any]]:
        try:
            result = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            yield from self._died(job, error)
            return
        self._started = True
        self._idle.append(job.worker)
        if job.number is not None:
            yield job.number, result

    def _died(self, job: _Job, error: Exception) -> Iterator[tuple[int, Any]]:
        if job.number is None and not self._started:  # all the others will not start either
            raise PluginError(
                f"Ray's workers do not start ({_last_line(error)}); install SignViP and its plugins on every machine "
                "of the cluster, the same versions as here, and start where all of them have the same folder."
            ) from error
        self._replace()
        if job.number is not None:
            self._deaths[job.number] = self._deaths.get(job.number, 0) + 1
            again = self._deaths[job.number] < TRIES
            yield job.number, _DIED if again else KILLED

    def _left(self, job: _Job) -> float:
        """Return the seconds that a job may still take; a start may take as long as it needs."""
        if self._limit is None or job.number is None:
            return float("inf")
        return job.began + self._limit - time.monotonic()

    def _patience(self) -> float | None:
        least = min(map(self._left, self._jobs.values()))
        return None if least == float("inf") else max(0.0, least)


_DIED = object()  # in the place of a result: the task is to be tried again


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].strip()


def _import_ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise PluginError(
            "--executor ray needs Ray, which is not installed; run: pip install 'signvip[ray]'"
        ) from error
    return ray
