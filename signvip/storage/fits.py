"""Fingerprints of the weights each part of a run was trained against: parts that do not fit give noise in silence.

A part's folder holds `trained_with.json`: {part: fingerprint}. Parts without one, of older runs, are taken on trust.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from signvip.errors import MismatchError, RunError
from signvip.storage.files import write_text

NOTE = "trained_with.json"
# Of the parts of stage 1 the image phase makes all but the VAE, and the motion phase the last two again.
TRAINED_WITH: dict[str, tuple[str, ...]] = {
    "condition_encoder": ("vae",),
    "reference_net": ("vae", "condition_encoder"),
    "guider": ("vae", "condition_encoder", "reference_net"),
    "denoiser": ("vae", "condition_encoder", "reference_net", "guider"),
    "autoencoder": ("condition_encoder",),
    "pose_head": ("condition_encoder",),
    "pose_drawer": ("condition_encoder",),
    "reference_head": ("vae",),
    "translator": ("autoencoder",),
}


def fingerprint(run: Path, *parts: str) -> str:
    """Twelve hex digits of the SHA-256 over the weights and configuration of some parts."""
    files = [file for part in parts for file in sorted((run / part).glob("*")) if file.name != NOTE]
    return _digest(tuple((file, *_seen(file)) for file in files))


def note(run: Path, *parts: str, beside: Path | None = None) -> None:
    """Write down what these parts, in `run`, were trained against: the parts there, else those in `beside`."""
    for part in parts:
        found = {}
        for other in TRAINED_WITH.get(part, ()):
            home = run if has(run, other) else beside
            if home is not None and has(home, other):
                found[other] = fingerprint(home, other)
        if found:
            write_text(run / part / NOTE, json.dumps(found, indent=2) + "\n")


@contextmanager
def unchanged(run: Path) -> Iterator[None]:
    """Raise RunError where a run is written to while the block reads it: what was read may be halves of two trainings.

    A lock would keep a training waiting for a video of an hour; this is over as soon as the parts are in memory.
    """
    before = _files(run)
    try:
        yield
    except Exception as error:
        if _files(run) == before:
            raise
        raise _written_meanwhile(run) from error
    if _files(run) != before:
        raise _written_meanwhile(run)


def forget(run: Path) -> None:
    """Take away what a folder's parts say of each other: they were written by someone who does not know."""
    for part in TRAINED_WITH:
        (run / part / NOTE).unlink(missing_ok=True)


def refuse_misfits(run: Path, parts: Iterable[str] = TRAINED_WITH) -> None:
    """MismatchError for the first of some parts that was trained against others than those beside it."""
    for part in parts:
        if (other := misfit(run, part)) is not None:
            raise MismatchError(
                f"The {part} of {run} was trained with another {other} than that has now; {_again(run, part)}."
            )


def misfit(run: Path, part: str) -> str | None:
    """Return the part that differs from the one this part was trained against; None where it fits or was not noted."""
    found = _read(run / part / NOTE)
    noted = [other for other in TRAINED_WITH.get(part, ()) if other in found and has(run, other)]
    return next((other for other in noted if found[other] != fingerprint(run, other)), None)


def has(run: Path, part: str) -> bool:
    """Return whether a run has a part."""
    return (run / part / "config.json").is_file()


def _again(run: Path, part: str) -> str:
    """Advise what to do about a part that does not fit."""
    if part == "translator":
        return f"train it again: signvip tokenize --run {run}, then signvip train --stage 3 --run {run}"
    if part in ("autoencoder", "pose_drawer", "reference_head"):
        return f"train it again: signvip train --stage 2 --run {run}"
    if part == "pose_head":
        return f"train it again: signvip train --stage 2 --run {run}, or delete {run / part} and do without poses"
    return f"train it again: signvip train --stage 1 --fresh --run {run}"


def _read(path: Path) -> dict[str, str]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise RunError(f"{path} is damaged; restore it, or delete it and take on trust that the parts fit.")
    return found


def _files(run: Path) -> list[tuple[Path, int, int, int]]:
    """List every file that a run is loaded from, with what changes when it is written again."""
    folders = (run, run / "vae", run / "scheduler", *(run / part for part in TRAINED_WITH))
    found = []
    for file in (file for folder in folders for file in sorted(folder.glob("[!.]*"))):
        try:
            if file.is_file():
                found.append((file, *_seen(file)))
        except FileNotFoundError:  # it went between the two looks, and is not there at the next
            continue
    return found


def _written_meanwhile(run: Path) -> RunError:
    return RunError(
        f"{run} was written to while it was read; wait for its training to end, and start this again."
    )


def _seen(file: Path) -> tuple[int, int, int]:
    """Return what changes with a file, so that gigabytes are read only once."""
    stat = file.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ino


@lru_cache(maxsize=256)
def _digest(files: tuple[tuple[Path, int, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for file, *_ in files:
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
