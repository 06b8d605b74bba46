"""Requests in a row: one is made at a time, each in its turn, and none for a client that left."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Literal
from uuid import uuid4

from signvip.errors import DataError, SignVipError
from signvip_serve.limits import Limits

State = Literal["waiting", "making", "done", "cancelled", "failed"]
Make = Callable[["Job"], Iterator[bytes]]
logger = logging.getLogger(__name__)


class Full(Exception):
    """So many requests wait that no other can."""


class Taken(Exception):
    """Another request has this name."""


class Job:
    """One request: its state, what is told of it, and the pieces of its video on their way to its client."""

    def __init__(self, name: str, make: Make, limits: Limits) -> None:
        self.name, self.make, self.limits = name, make, limits
        self.state: State = "waiting"
        self.error: Exception | None = None
        self.facts: dict[str, Any] = {}
        self._stop = threading.Event()
        self._room = threading.Semaphore(limits.ahead)
        self._loop, self._pieces = asyncio.get_running_loop(), asyncio.Queue[bytes | None]()

    @property
    def ended(self) -> bool:
        return self.state not in ("waiting", "making")

    def stopped(self) -> bool:
        """Whether nobody waits for it any more; whoever makes it asks between windows."""
        return self._stop.is_set()

    def stop(self) -> None:
        self._stop.set()
        self._room.release()  # whoever waits to send

    async def next(self) -> bytes | None:
        """Return the next piece, or None after the last; the error of whoever made it, where it failed."""
        piece = await self._pieces.get()
        if piece is None:
            self._pieces.put_nowait(None)  # it stays ended
            if self.error is not None:
                raise self.error
            return None
        self._room.release()
        return piece

    def send(self, piece: bytes) -> None:
        """Hand a piece to the client; DataError where it takes none for too long."""
        if not self._room.acquire(timeout=self.limits.stalled):
            raise DataError("Nobody read the video for too long; ask again, and read it as it comes.")
        self._put(piece)

    def end(self, state: State, error: Exception | None = None) -> None:
        self.state, self.error = state, error
        self._put(None)

    def _put(self, piece: bytes | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)
        except RuntimeError:  # the server has ended
            self._stop.set()


class Jobs:
    """A queue with one worker, since there is one model and it uses all cores."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._known: OrderedDict[str, Job] = OrderedDict()
        self._waiting: list[Job] = []
        self._changed = threading.Condition()
        self._closed = False
        self._now: Job | None = None
        self._worker = threading.Thread(target=self._work, name="signvip-serve", daemon=True)
        self._worker.start()

    def submit(self, make: Make, name: str | None = None) -> Job:
        """Put a request at the end of the queue; Full where there is no room for it."""
        with self._changed:
            if len(self._waiting) >= self.limits.waiting:
                raise Full
            if name in self._known:
                raise Taken
            job = Job(name or uuid4().hex, make, self.limits)
            self._known[job.name] = job
            self._waiting.append(job)
            self._forget()
            self._changed.notify()
            return job

    def get(self, name: str) -> Job | None:
        with self._changed:
            return self._known.get(name)

    def place(self, job: Job) -> int:
        """How many videos are made before it begins; 0 for one that has begun."""
        with self._changed:
            return self._waiting.index(job) + (self._now is not None) if job in self._waiting else 0

    @property
    def waiting(self) -> int:
        with self._changed:
            return len(self._waiting)

    def cancel(self, job: Job) -> None:
        """Take a request out of the queue, or stop its making before the next window."""
        with self._changed:
            job.stop()
            if job in self._waiting:
                self._waiting.remove(job)
                job.end("cancelled")

    def close(self) -> None:
        """End all of them, and the worker."""
        with self._changed:
            self._closed = True
            jobs = [*self._waiting, *([self._now] if self._now is not None else [])]
            self._changed.notify()
        for job in jobs:
            self.cancel(job)
        self._worker.join(self.limits.stalled)

    def _forget(self) -> None:
        ended = [name for name, job in self._known.items() if job.ended]
        for name in ended[: max(0, len(ended) - self.limits.remembered)]:
            del self._known[name]

    def _work(self) -> None:
        while (job := self._next()) is not None:
            try:
                self._make(job)
                job.end("cancelled" if job.stopped() else "done")
            except SignVipError as error:
                job.end("failed", error)
            except Exception as error:  # a defect of one request is not the end of the others
                logger.exception("a video could not be made")
                job.end("failed", error)
            with self._changed:
                self._now = None

    def _next(self) -> Job | None:
        with self._changed:
            while not self._waiting and not self._closed:
                self._changed.wait()
            if self._closed:
                return None
            self._now = job = self._waiting.pop(0)
            job.state = "making"
            return job

    def _make(self, job: Job) -> None:
        started = time.monotonic()
        for piece in job.make(job):
            if job.stopped():
                return
            if time.monotonic() - started > self.limits.seconds:
                raise DataError(
                    f"It took longer than {self.limits.seconds:g} seconds; give a shorter text or fewer steps."
                )
            job.send(piece)
