"""Requests in a row: one is made at a time, each in its turn, and none for a client that left.

Files of those that are done stay in a temporary folder, within limits, until the server ends.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any, Literal
from uuid import uuid4

from signvip.errors import DataError, SignVipError
from signvip_serve.limits import Limits

State = Literal["waiting", "making", "done", "cancelled", "failed"]
Make = Callable[["Job"], Generator[bytes]]
EXAMPLE = "example"  # the job that a server begins with; shorter than the names that clients may choose
VIDEO, SIDECAR, POSES = "signing.mp4", "signing.json", "poses.npy"  # files of a job that is done
logger = logging.getLogger(__name__)


class Full(Exception):
    """So many requests wait that no other can."""


class Taken(Exception):
    """Another request has this name."""


class Job:
    """One request: its state, what is told of it, and the pieces of its video on their way to its client."""

    def __init__(
        self, name: str, make: Make, limits: Limits, folder: Path, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.name, self.make, self.limits, self.folder = name, make, limits, folder
        self.state: State = "waiting"
        self.error: Exception | None = None
        self.facts: dict[str, Any] = {}
        self._stop, self._ends = threading.Event(), math.inf
        self._room = threading.Semaphore(limits.ahead)
        self._loop, self._pieces = loop, asyncio.Queue[bytes | None]()

    @property
    def ended(self) -> bool:
        return self.state not in ("waiting", "making")

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return sum(file.stat().st_size for file in self.folder.glob("*"))

    def begin(self) -> None:
        """Let its time run."""
        self.state, self._ends = "making", time.monotonic() + self.limits.seconds

    @property
    def left(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._stop.is_set()

    def stopped(self) -> bool:
        """Whether it is to end: it is left, or its time is up. Whoever makes it asks before every step of a window."""
        return self.left or time.monotonic() > self._ends

    def check(self) -> None:
        """DataError where it ended because its time was up."""
        if self.stopped() and not self.left:
            raise DataError(
                f"It took longer than {self.limits.seconds:g} seconds; give a shorter text or fewer steps."
            )

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

    def __init__(self, limits: Limits, example: Make | None = None) -> None:
        self.limits, self._loop = limits, asyncio.get_running_loop()
        self.warming = example is not None  # until the first video is made
        self._files = TemporaryDirectory(prefix="signvip-serve-", ignore_cleanup_errors=True)
        self._known: OrderedDict[str, Job] = OrderedDict()
        self._waiting: list[Job] = []
        self._changed = threading.Condition()
        self._closed = False
        self._now: Job | None = None
        self._make_example = example
        self._example: Job | None = None
        self._worker = threading.Thread(target=self._work, name="signvip-serve", daemon=True)
        self._worker.start()

    def submit(self, make: Make, name: str | None = None) -> Job:
        """Put a request at the end of the queue; Full where there is no room for it."""
        with self._changed:
            if len(self._waiting) >= self.limits.waiting:
                raise Full
            if name in self._known:
                raise Taken
            job = self._new(make, name or uuid4().hex)
            self._waiting.append(job)
            if self._now is not None and self._now is self._example:
                self._example.stop()  # nobody waits for it; it is made again later
            self._changed.notify()
            return job

    def _new(self, make: Make, name: str) -> Job:
        job = self._known[name] = Job(
            name, make, self.limits, Path(self._files.name) / uuid4().hex, self._loop
        )
        return job

    def get(self, name: str) -> Job | None:
        with self._changed:
            return self._known.get(name)

    def place(self, job: Job) -> int:
        """How many videos are made before it begins; 0 for one that has begun."""
        with self._changed:
            if job not in self._waiting:
                return 0
            return self._waiting.index(job) + (self._now not in (None, self._example))

    @property
    def waiting(self) -> int:
        with self._changed:
            return len(self._waiting)

    @property
    def busy(self) -> bool:
        """Whether something is still computed; after `close`, what could not be ended in time."""
        return self._worker.is_alive()

    def cancel(self, job: Job) -> None:
        """Take a request out of the queue, or stop its making before the next window."""
        with self._changed:
            job.stop()
            if job in self._waiting:
                self._waiting.remove(job)
                job.end("cancelled")

    def stop(self) -> None:
        """End all of them, waiting or made."""
        with self._changed:
            self._closed = True
            jobs = [*self._waiting, *([self._now] if self._now is not None else [])]
            self._changed.notify()
        for job in jobs:
            self.cancel(job)

    def close(self) -> None:
        """End all of them and the worker, and forget their files."""
        self.stop()
        self._worker.join(self.limits.ending)
        self._files.cleanup()

    def _forget(self) -> None:
        """Forget the oldest of those that ended, until what is left is within the limits; the last one stays."""
        with self._changed:
            ended = [job for job in self._known.values() if job.ended and job is not self._example]
            size = sum(job.size for job in ended)
            while len(ended) > 1 and (len(ended) > self.limits.remembered or size > self.limits.kept_bytes):
                first = ended.pop(0)
                size -= first.size
                del self._known[first.name]
                rmtree(first.folder, ignore_errors=True)

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._do(job, self._show if job is self._example else self._make)
            with self._changed:
                self._now = None
            self.warming = False
            self._forget()

    def _do(self, job: Job, work: Callable[[Job], None]) -> None:
        """Let `work` make a job's video; only one that is whole leaves files."""
        try:
            job.begin()
            job.folder.mkdir()
            work(job)
            job.check()
            job.end("cancelled" if job.stopped() else "done")
        except SignVipError as error:
            job.end("failed", error)
        except Exception as error:  # a defect of one request is not the end of the others
            logger.exception("a video could not be made")
            job.end("failed", error)
        if job.state != "done":
            rmtree(job.folder, ignore_errors=True)

    def _next(self) -> Job | None:
        """Wait for a request and return it; the example where there is none and it is not made yet."""
        with self._changed:
            while not self._closed:
                if self._waiting:
                    self._now = self._waiting.pop(0)
                    return self._now
                if self._make_example and (self._example is None or self._example.state == "cancelled"):
                    self._now = self._example = self._new(self._make_example, EXAMPLE)
                    return self._now
                self._changed.wait()
            return None

    def _show(self, job: Job) -> None:
        """Make a video for nobody: its pieces go nowhere, its files stay. A request that comes stops it."""
        with closing(job.make(job)) as pieces:
            for _ in pieces:
                if job.stopped():
                    return

    def _make(self, job: Job) -> None:
        with closing(job.make(job)) as pieces:
            for piece in pieces:
                if job.stopped():
                    return
                job.send(piece)
