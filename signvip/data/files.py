"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signvip.errors import DataError

PARTIAL = ".partial"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside `path`, renamed at the end and removed where anything went wrong.

    A full disk becomes a DataError; what stood at `path` before then still stands.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")  # others may write the same file
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        if temporary.exists():  # the block may decide that there is nothing to write
            os.replace(temporary, path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DataError(
                f"The disk is full: {path} was not written; free some space and run the same command again."
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def walk(top: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """As os.walk, sorted and without hidden names; links to folders are followed, but not into a circle."""
    real: dict[Path, str] = {}
    for name, folders, files in os.walk(top, followlinks=True):
        where = Path(name)
        real[where] = os.path.realpath(where)
        if real[where] in {real.get(parent) for parent in where.parents}:
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not is_hidden(name))
        yield where, folders, sorted(name for name in files if not is_hidden(name))


def is_hidden(name: str) -> bool:
    """Whether a system or a program keeps a file for itself: `._clip.mp4` and `.DS_Store` of macOS, `~$` of Office."""
    return name.startswith((".", "~$")) or name in ("Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir")


def remove_leftovers(folder: Path) -> None:
    """Remove what a killed process left half-written in a folder."""
    for leftover in folder.glob(f".*{PARTIAL}"):
        leftover.unlink(missing_ok=True)
