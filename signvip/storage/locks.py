"""Locks that keep two commands from one folder, and that name who is in the way.

.writing.lock                 one command changes the folder, alone
.writing-SHARE.lock           several do, each a share of its own, as job arrays do
.reading-HOST-PID.lock        a command reads what must not change meanwhile

Each file says who holds it. What counts is the kernel's lock on it, which ends with its process however that ends and
does not pass to children: a file without one is stale, and whoever comes next takes it away.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from signvip.errors import RunError
from signvip.storage.processes import is_main

Say = Callable[[str], None]
Use = Literal["write", "read"]

NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of a file system without any
NOT_OURS = (errno.EACCES, errno.EPERM, errno.EROFS)  # to write to
TRIES, PAUSE = 6, 0.05  # seconds; others hold a lock for a moment to see whether it is stale

_held: dict[str, list[str]] = {}  # what this process has of each folder: the kernel would give it more


@contextmanager
def locked(
    folder: Path, use: Use = "write", *, share: str = "", option: str = "", say: Say | None = None
) -> Iterator[None]:
    """Keep others from changing a folder while the block runs, and from reading it where it is written.

    RunError names the process that is in the way, and the option that chooses another folder. Readers are together in
    a folder, and so are those that write different shares of it. Of several processes of one training the main one
    locks for all.
    """
    if not is_main():
        yield
        return
    place, own = Path(os.path.realpath(folder)), f".{_kind(use, share)}.lock"
    here = _held.setdefault(str(place), [])
    if any(_conflict(own, other) for other in here):
        raise _refusal(place, _about(), option)
    lock = None if own in here else _take(place, use, own, option, say)
    here.append(own)
    try:
        yield
    finally:
        here.remove(own)
        if lock is not None:
            lock.release()


class _Lock:
    """A file that this process holds the kernel's lock on."""

    def __init__(self, path: Path, file: int) -> None:
        self.path, self.file, self.owner = path, file, os.getpid()
        self.made_folder = False

    def release(self) -> None:
        if os.getpid() == self.owner:  # a child has no say in it
            self.path.unlink(missing_ok=True)
            if self.made_folder:
                with suppress(OSError):  # it holds what was written
                    self.path.parent.rmdir()
        os.close(self.file)


def _take(folder: Path, use: Use, own: str, option: str, say: Say | None) -> _Lock | None:
    """Return the lock; None for a reader of a folder that it cannot lock: missing, or with writers elsewhere."""
    made_folder = use == "write" and not folder.exists()
    try:
        if made_folder:
            folder.mkdir(parents=True, exist_ok=True)
        lock = _create(folder / own, option, say)
        lock.made_folder = made_folder
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR, *NOT_OURS)
        if error.errno in NO_LOCKS or (use == "read" and missing):
            return None
        raise
    try:
        mine = _held.get(str(folder), [])  # to close another file of one's own would give up its lock
        for path in sorted(folder.glob(".*.lock")):
            if path.name != own and path.name not in mine:
                _sweep(path, option, say, refuse=_conflict(own, path.name))
    except BaseException:
        lock.release()
        raise
    return lock


def _kind(use: Use, share: str) -> str:
    if use == "read":
        return f"reading-{socket.gethostname()}-{os.getpid()}"
    return f"writing-{share}" if share else "writing"


def _conflict(own: str, other: str) -> bool:
    """Return whether two locks cannot be held together: readers can, and different shares."""
    if own.startswith(".reading") or other.startswith(".reading"):
        return own.startswith(".writing") or other.startswith(".writing")
    return own == other or ".writing.lock" in (own, other)


def _create(path: Path, option: str, say: Say | None) -> _Lock:
    """Make the file and lock it; what a dead process left is taken over, with a word."""
    while True:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            if not _lock(file, fcntl.LOCK_EX):
                raise _refusal(path.parent, _read(file), option)
            if _names(path, file):
                _tell(say, path.parent, _read(file))
                os.ftruncate(file, 0)
                os.pwrite(file, json.dumps(_about()).encode(), 0)
                return _Lock(path, file)
        except BaseException:
            os.close(file)
            raise
        os.close(file)  # its holder took it away meanwhile


def _sweep(path: Path, option: str, say: Say | None, *, refuse: bool) -> None:
    """Remove another's file where nobody holds it any more; refuse where somebody does and is in the way."""
    try:
        file = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, PermissionError):
        return
    try:
        if not _lock(file, fcntl.LOCK_SH, tries=TRIES if refuse else 1):
            if refuse:
                raise _refusal(path.parent, _read(file), option)
        elif _names(path, file):
            path.unlink()
            _tell(say, path.parent, _read(file))
    finally:
        os.close(file)


def _lock(file: int, kind: int, tries: int = TRIES) -> bool:
    """Try to take the lock, which others may hold briefly to see whether it is stale; return whether that worked."""
    for left in reversed(range(tries)):
        try:
            fcntl.lockf(file, kind | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):  # POSIX allows either
            time.sleep(PAUSE if left else 0)
        else:
            return True
    return False


def _names(path: Path, file: int) -> bool:
    """Return whether a path still names this open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file))
    except FileNotFoundError:
        return False


def _about() -> dict[str, Any]:
    """Describe this process, for those that are kept out."""
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]) if sys.argv and sys.argv[0] else "python"
    since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"command": command[:200], "pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _read(file: int) -> dict[str, Any]:
    """Read what a lock says about its holder; empty where that is not written yet."""
    try:
        about = json.loads(os.pread(file, 4096, 0))
    except ValueError:
        return {}
    return about if isinstance(about, dict) else {}


def _who(about: dict[str, Any]) -> str:
    if not about:
        return "another process"
    known = {name: about.get(name, "?") for name in ("command", "pid", "host", "since")}
    return "{command} (process {pid} on {host}, since {since})".format(**known)


def _refusal(folder: Path, about: dict[str, Any], option: str) -> RunError:
    other = f"another folder with {option}" if option else "another folder"
    return RunError(f"{_short(folder)} is in use by {_who(about)}; wait for it to end, or choose {other}.")


def _tell(say: Say | None, folder: Path, about: dict[str, Any]) -> None:
    if say is not None and about:
        say(f"Broke the lock on {_short(folder)} of {_who(about)}, which is gone.")


def _short(folder: Path) -> Path:
    """Return a folder as a user is likely to have named it."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) and folder != here else folder
