"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from signvip.errors import DataError
from signvip.plain import is_shown

PARTIAL = ".partial"
LONGEST_NAME = 200  # bytes; file systems take 255, and temporary names are longer


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
        # half a surrogate is what Python makes of a file's name that is not UTF-8; in JSON `\\udc80` means the same
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def inside(folder: Path, name: str) -> Path:
    """Return the path in `folder` that a stranger's file names; DataError where it could lead out on any system."""
    if fault := fault_of_name(name):
        raise DataError(f"The name '{name[:80]}' {fault}; give one of a file in {folder}.")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise DataError(f"{path} leads out of {folder} by a link; give another name.")
    return path


def fault_of_name(name: str) -> str:
    """Return what is wrong with a relative path on any system, as the end of a sentence; empty where nothing is."""
    parts = name.split("/")
    if not all(map(is_shown, name)):
        return "has control characters"
    if "\\" in name or re.match("[A-Za-z]:", name) or name.startswith("/") or ".." in parts:
        return "leads out of its folder"
    if set(parts) <= {"."}:
        return "is not the name of a file"
    if "" in parts or any(len(part.encode()) > LONGEST_NAME for part in parts):
        return f"is empty, or longer than {LONGEST_NAME} bytes"
    return ""


def walk(top: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Walk as os.walk does, sorted and without hidden names; follow links to folders, but not into a circle."""
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
    """Return whether a system or program made a file for itself: macOS's `._clip.mp4`, `.DS_Store`, Office's `~$`."""
    return name.startswith((".", "~$")) or name in ("Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir")


def remove_leftovers(folder: Path, pattern: str = f".*{PARTIAL}") -> None:
    """Remove the files that a killed process left half-written in a folder, or below it by a pattern with **/."""
    for leftover in folder.glob(pattern):
        if not leftover.is_dir():
            leftover.unlink(missing_ok=True)
