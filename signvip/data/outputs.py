"""Check where results are written: the place must be writable and must not hold a file of the user's own."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

from signvip.data.provenance import origin_of, says_so
from signvip.errors import DataError
from signvip.storage.files import PARTIAL, replacing


def check_outputs(video: Path, pose: Path | None, *, overwrite: bool) -> None:
    """Raise DataError where a video, sidecar or poses cannot be written, or would replace a file that is not ours."""
    sidecar = video.with_suffix(".json")
    _check_place(video, "-o")
    for path, option, ours in (
        (video, "-o", _is_marked(video)),
        (sidecar, "-o", says_so(sidecar)),
        *([(pose, "--pose", _is_pose_of(sidecar, pose))] if pose is not None else []),
    ):
        _check_place(path, option)
        if not overwrite and not ours and path.is_file() and path.stat().st_size:
            raise DataError(
                f"{path} is there already, and signvip generate did not write it; choose another place by {option}, or "
                "add --overwrite."
            )


def _is_marked(video: Path) -> bool:
    return video.is_file() and bool(origin_of(video))


def _is_pose_of(sidecar: Path, pose: Path) -> bool:
    """Return whether a sidecar of ours names these poses."""
    if not says_so(sidecar):
        return False
    named = json.loads(sidecar.read_text(encoding="utf-8-sig")).get("pose")
    return isinstance(named, str) and os.path.abspath(named) == os.path.abspath(pose)


def _check_place(path: Path, option: str) -> None:
    """Raise DataError where no file can be at a path, such as where a folder is."""
    try:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        with replacing(path) as temporary:
            temporary.touch()
            temporary.unlink()
        remove_dead(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror}); choose another place by {option}."
        ) from error


def remove_dead(path: Path) -> None:
    """Remove what processes that have ended left half-written of a file."""
    for leftover in path.parent.glob(f".{path.name}.*{PARTIAL}"):
        number = leftover.name.removesuffix(PARTIAL).rpartition(".")[2]
        if number.isdecimal() and not _lives(int(number)):
            leftover.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
