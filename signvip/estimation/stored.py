"""Keypoints that others have stored: one clip's `.pose` file, npz file or folder of OpenPose's JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from signvip.contracts import NUM_KEYPOINTS
from signvip.errors import DataError
from signvip.estimation.layouts import (
    OPENPOSE,
    REDUCED,
    WHOLEBODY,
    from_holistic,
    from_openpose,
    from_reduced,
    from_wholebody,
)  # fmt: skip
from signvip.estimation.pose_files import read_pose
from signvip.estimation.stored_clip import PARTS, Stored
from signvip.storage.files import is_hidden
from signvip.storage.json_files import parse_json

ENDING = "_keypoints.json"  # of the files that OpenPose writes, one a frame
HOLISTIC = (543, 553)  # MediaPipe: 33 of the body, 468 or 478 of the face, 21 a hand
WORLD = 33  # points of the body in metres, which some files have behind those
LARGEST = 65536  # pixels of a side


def find(source: Path, clip_id: str) -> Path:
    """Return the file or folder of a clip; DataError where there is none."""
    for path in (source / f"{clip_id}.pose", source / f"{clip_id}.npz", source / clip_id):
        if path.is_file() or (path.is_dir() and _of_frames(path)):
            return path
    raise DataError(
        f"there are no keypoints {clip_id}.pose, {clip_id}.npz or {clip_id}/*{ENDING} in {source}; extract them, "
        f"or set estimator.keypoints.source to their folder"
    )


def read(path: Path) -> Stored:
    """Read what `find` found; DataError for a file that is damaged, a still, or in a layout that is not known."""
    stored = _read(path)
    if len(stored.people) < 2:
        raise DataError(
            f"{path} holds {len(stored.people)} frames, and signing moves; extract the whole clip"
        )
    return stored


def _read(path: Path) -> Stored:
    if path.is_dir():
        return read_openpose(path)
    if path.suffix == ".pose":
        return read_pose(path)
    return read_npz(path)


def read_npz(path: Path) -> Stored:
    """`keypoints` (F, N, 3) or (F, P, N, 3), or (..., 2) beside `scores`; `size` (H, W), `fps` and `hands` where known.

    N says the layout: 128 ours, 133 COCO-WholeBody, 137 OpenPose, 178 MediaPipe as pose-format reduces it, 543 or 553
    MediaPipe, 576 or 586 with its body in metres behind. Pixels where there is a `size`.
    """
    arrays = _arrays(path)
    if "keypoints" not in arrays:
        raise DataError(f"{path} has no array 'keypoints' (but {', '.join(arrays) or 'none'}); name it so")
    points = arrays["keypoints"]
    if "scores" in arrays and points.ndim and points.shape[:-1] == arrays["scores"].shape:
        points = np.concatenate([points[..., :2], arrays["scores"][..., None]], axis=-1)
    points = points[:, None] if points.ndim == 3 else points
    size, fps = _numbers(arrays, "size", 2, path), _numbers(arrays, "fps", 1, path)
    hands = arrays.get("hands")
    if hands is not None and hands.shape != (len(points), 2, 21, 4):
        raise DataError(
            f"{path} has hands of shape {hands.shape}, not {(len(points), 2, 21, 4)}; fix or leave them out"
        )
    if points.size and np.nanmax(np.abs(points), initial=0) > np.finfo(np.float32).max:
        raise DataError(f"{path} has points that are not finite; write 0 0 0 for a point that is not seen")
    people = to_ours(np.asarray(points, np.float32), path)
    return Stored(list(people), (size[0], size[1]) if size else None, fps[0] if fps else None, hands)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the arrays of an npz; DataError for a damaged one, and for one whose arrays are not of real numbers."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {str(name): np.asarray(file[name]) for name in file.files}
    except Exception as error:  # zip, zlib and NumPy each have errors of their own for damage
        raise DataError(f"{path} is damaged ({type(error).__name__}); make it again") from error
    for name in {"keypoints", "scores", "size", "fps", "hands"} & arrays.keys():
        if arrays[name].dtype.kind not in "buif":
            raise DataError(f"{path} has {arrays[name].dtype} in '{name}'; write real numbers there")
    return arrays


def _numbers(arrays: dict[str, np.ndarray], name: str, count: int, path: Path) -> list[float] | None:
    """Take positive numbers from an array; None where there is no such array."""
    if name not in arrays:
        return None
    values = [float(value) for value in np.ravel(arrays[name])]
    if len(values) != count or not all(0 < value <= LARGEST for value in values):
        raise DataError(f"{path} has a '{name}' of {values[:4]}; write {count} above 0 and at most {LARGEST}")
    return values


def to_ours(points: np.ndarray, path: Path) -> np.ndarray:
    """Points (F, P, N, 3) of a layout that N tells, as (F, P, 128, 3)."""
    count = points.shape[-2] if points.ndim == 4 and points.shape[-1] == 3 else None
    if count == NUM_KEYPOINTS:
        return points
    if count == WHOLEBODY:
        return from_wholebody(points)
    if count == OPENPOSE:
        return from_openpose(points)
    if count == REDUCED:
        return from_reduced(points)
    if count is not None and count - WORLD in HOLISTIC:
        points, count = points[..., :-WORLD, :], count - WORLD
    if count in HOLISTIC:
        body, face, left = points[..., :33, :], points[..., 33:-42, :], points[..., -42:-21, :]
        return from_holistic(body, face, left, points[..., -21:, :])
    raise DataError(
        f"{path} has points of shape {points.shape}; the third number should be 128 (ours), 133 (COCO-WholeBody), "
        f"137 (OpenPose), 178, 543, 553, 576 or 586 (MediaPipe), the last 3 (x, y, confidence)"
    )


def read_openpose(folder: Path) -> Stored:
    """Read a folder with one JSON file per frame, numbered in their names; missing numbers are empty frames."""
    files = {_number(path): path for path in _of_frames(folder)}
    first = min(files)
    people = [np.zeros((0, NUM_KEYPOINTS, 3), np.float32)] * (max(files) - first + 1)
    for number, path in files.items():
        try:
            there = [_person(person) for person in parse_json(path.read_text())["people"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path} is not OpenPose's output ({error!r}); make it again") from error
        if there:
            people[number - first] = from_openpose(np.stack(there))
    return Stored(people)


def _of_frames(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(f"*{ENDING}") if not is_hidden(path.name))


def _number(path: Path) -> int:
    found = re.search(r"(\d+)$", path.name.removesuffix(ENDING))
    if found is None:
        raise DataError(f"{path} has no frame number before {ENDING}; keep the names that OpenPose gave")
    return int(found[1])


def _person(person: dict[str, Any]) -> np.ndarray:
    """One person as (137, 3); parts that were not asked for are unseen. BODY_25 only: COCO's 18 are refused."""
    parts = []
    for name, count in PARTS:
        values = np.asarray(person.get(name) or [0.0] * 3 * count, np.float32)
        if values.size != 3 * count:
            raise ValueError(f"{name} has {values.size // 3} points, not {count}")
        parts.append(values.reshape(count, 3))
    return np.concatenate(parts)
