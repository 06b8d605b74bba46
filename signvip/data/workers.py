"""Worker processes for `preprocess`, ended at once and without traces when the run is interrupted."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import TypeVar

from signvip.errors import DataError

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, Result]]:
    """Yield (job, work(job)) in the order of `jobs`; here where one worker would do, else in `workers` processes.

    Close the iterator, or let it raise, and the workers are gone. DataError where the system killed one.
    """
    if workers < 2 or len(jobs) < 2:
        yield from ((job, work(job)) for job in jobs)
        return
    # Forked, so that plugins given as files are known in the workers too; these use neither torch nor a GPU.
    context = multiprocessing.get_context("fork")
    others = set(multiprocessing.active_children())
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        try:
            with _deaf_to_interrupts():  # with "fork" the first `submit` starts all workers
                futures = [pool.submit(work, job) for job in jobs]
            for job, future in zip(jobs, futures, strict=True):
                yield job, future.result()
        except BrokenProcessPool as error:
            raise DataError(
                "A worker was killed, most likely for want of memory; run the same command with fewer --workers."
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
            raise


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """Block Ctrl-C, which a terminal sends to every process: children inherit it, this one hears it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
