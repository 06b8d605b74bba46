"""Weights that a user brings, as a local file or from the hub, and what the manifest keeps of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from signvip.errors import DataError


def weight_file(source: str, name: str) -> Path:
    """Return the file `name` in a folder or a repository on the hub, fetched once; DataError where neither has it."""
    if (folder := Path(source).expanduser()).is_dir():
        if (folder / name).is_file():
            return folder / name
        raise DataError(f"{folder} has no file {name}; put it there, or give a folder or hub id that has it")
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(source, name))
    except (
        Exception
    ) as error:  # no network, no such repository, no such name: the library has an error for each
        raise DataError(
            f"{name} of {source} can be had neither from a folder nor from the hub ({type(error).__name__}: "
            f"{str(error).splitlines()[0]}); fetch it where there is a network, and give its folder"
        ) from error


def fingerprint(files: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of some files, 16 digits of it."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name} {_checksum(file)}\n".encode())
    return digest.hexdigest()[:16]


@cache
def _checksum(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
