"""Kill a command at random moments, start it again, and compare what it leaves with what is left undisturbed."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from workers import PATIENCE

EVENTS = "events.out.tfevents"  # TensorBoard's own, named after the time


def in_child(command: Callable[[], object], folder: Path, kill_after: float | None = None) -> bool:
    """Run a command in a copy of this process, so that nothing has to be imported again; whether it came to its end."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            command()
        except BaseException as error:
            os.write(2, f"{type(error).__name__}: {error}\n".encode())
            os._exit(1)
        os._exit(0)
    until = time.monotonic() + (PATIENCE if kill_after is None else kill_after)
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert status == 0, "the command failed; its error is on stderr"
            return True
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            assert kill_after is not None, "the command hangs"
            return False
        time.sleep(0.002)


@dataclass
class Kills:
    """How often a command was killed, and how long it takes alone."""

    make: Callable[[Path], object]  # lays out what a command begins with
    command: Callable[[], object]  # run with such a folder as the working one, again and again until it ends
    unlike: Collection[str] = ()  # beginnings of the names of files that tell times
    check: Callable[[Path], object] = lambda folder: None  # holds at any moment
    seed: int = field(default_factory=lambda: random.SystemRandom().randrange(10**6))
    survived: int = 0

    def survive(self, folder: Path, count: int) -> None:
        """Kill `count` times; whenever the command gets to its end, compare, and begin anew."""
        draw = random.Random(self.seed)
        self.make(folder / "whole")
        begin = time.monotonic()
        assert in_child(self.command, folder / "whole")
        seconds, expected = time.monotonic() - begin, contents(folder / "whole", self.unlike)
        turn = 0
        while self.survived < count:
            turn += 1
            killed = folder / f"killed-{turn}"
            self.make(killed)
            while self.survived < count and not in_child(self.command, killed, draw.uniform(0, seconds)):
                self.survived += 1
                self.check(killed)
            assert in_child(self.command, killed)
            self.check(killed)
            compare(contents(killed, self.unlike), expected, f"seed {self.seed}, turn {turn}")


def contents(folder: Path, unlike: Collection[str]) -> dict[str, bytes]:
    """The bytes of all files by name; of files that tell times no more than that they are there."""
    return {
        str(path.relative_to(folder)): b"" if path.name.startswith(tuple(unlike)) else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(EVENTS)
    }


def compare(made: dict[str, bytes], expected: dict[str, bytes], where: str) -> None:
    """The same files with the same bytes; nothing hidden beside them, as locks and halves would be."""
    hidden = [name for name in made if any(part.startswith(".") for part in Path(name).parts)]
    other = sorted(made.keys() ^ expected.keys()) or [name for name in made if made[name] != expected[name]]
    assert not hidden and not other, f"{where}: {hidden + other}"
