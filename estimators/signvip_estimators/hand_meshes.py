"""The estimator `meshes`: hands that HaMeR or WiLoR found elsewhere, read by the ids of the clips.

These extractors and MANO, their hand, are free for research alone, so that they stay outside;
docs/how-to/estimators.md says how to run them and what to store.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from pydantic import Field

from signvip import contracts
from signvip.data import digest, marks
from signvip.errors import DataError
from signvip.estimation.gaps import fill_gaps
from signvip.estimation.layouts import cleaned
from signvip.estimation.tidy import GAP, hand_seen, report
from signvip_estimators.camera import project
from signvip_estimators.resample import resample

REACH = (
    0.3  # widths: a hand's camera is guessed from its size, and may put it farther off than an arm is long
)
JOINTS, SPACE = 21, 3


class Meshes:
    """`hands` of the joints, and `meshes` with `triangles` of the vertices, in the uncropped picture."""

    provides = ("hands", "meshes", "triangles")
    weights_licence = "of whoever made the files: HaMeR MIT, WiLoR CC-BY-NC-ND-4.0, MANO for research alone"

    class Config(contracts.Config):
        source: Path = Field(description="folder with <id>.npz for each clip")
        gap: float = Field(GAP, ge=0, description="seconds without a sight that are bridged")

    def __init__(self, config: Config) -> None:
        self.config = config

    def stamp(self, clip_id: str) -> str:
        """Return a hash of the clip's file."""
        return digest(marks([self.config.source / f"{clip_id}.npz"]))

    def __call__(self, clip: contracts.Clip) -> Mapping[str, np.ndarray]:
        """Return what the clip's file says; DataError where there is none, or where it is of another clip."""
        start = time.perf_counter()
        path = self.config.source / f"{clip.id}.npz"
        arrays = _read(path)
        points = np.concatenate([arrays["joints"], arrays["vertices"]], axis=2)
        placed = _placed(points, arrays, clip, path)
        fps = float(arrays["fps"]) if "fps" in arrays else len(placed) / (len(clip.frames) / clip.fps)
        placed = resample(placed, fps, len(clip.frames), clip.fps)
        filled, bridged = fill_gaps(cleaned(placed), round(self.config.gap * clip.fps))
        left, right = hand_seen(filled[:, 0]), hand_seen(filled[:, 1])
        if not (left | right).any():
            raise DataError(f"{path} has no hand in it; leave this clip out")
        report("meshes", clip, _told(left, right, bridged), time.perf_counter() - start)
        faces = arrays["faces"].astype(np.uint16)
        triangles = np.broadcast_to(faces, (len(clip.frames), *faces.shape))
        return {"hands": filled[:, :, :JOINTS], "meshes": filled[:, :, JOINTS:], "triangles": triangles}


def _read(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a file, checked; DataError says which is missing or has another shape."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = dict(file)
    except FileNotFoundError:
        raise DataError(
            f"there is no file of hands {path}; docs/how-to/estimators.md says how to make them"
        ) from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is damaged ({error}); make it again") from error
    missing = {"joints", "vertices", "faces", "seen", "focal", "size"} - set(arrays)
    if missing:
        raise DataError(
            f"{path} lacks {', '.join(sorted(missing))}; docs/how-to/estimators.md says what to store"
        )
    frames, count = len(arrays["joints"]), arrays["vertices"].shape[-2]
    wanted = {
        "joints": (frames, 2, JOINTS, SPACE),
        "vertices": (frames, 2, count, SPACE),
        "seen": (frames, 2),
        "faces": (len(arrays["faces"]), 3),
    }
    for name, shape in wanted.items():
        if arrays[name].shape != shape:
            raise DataError(
                f"{path}: {name} has shape {arrays[name].shape}, not {shape}; store it in that shape"
            )
    if arrays["faces"].min() < 0 or arrays["faces"].max() >= count:
        raise DataError(f"{path}: faces name vertices that are not there; store those of the same model")
    return arrays


def _placed(
    points: np.ndarray, arrays: Mapping[str, np.ndarray], clip: contracts.Clip, path: Path
) -> np.ndarray:
    """Return points (F, 2, N, 3) in camera space as (F, 2, N, 4) in the picture."""
    seen = arrays["seen"].astype(bool)
    if (points[seen][..., 2] <= 0).any():
        raise DataError(f"{path} has points behind the camera; add the camera's translation to them")
    size = float(arrays["size"][0]), float(arrays["size"][1])
    height, width = clip.frames.shape[1:3]
    if abs(size[1] / size[0] / (width / height) - 1) > 0.05:
        raise DataError(
            f"{path} is of pictures of {size[1]:g}x{size[0]:g}, the clip has {width}x{height}; store hands of the "
            f"uncropped clip"
        )
    return project(points, seen, arrays["focal"], size, arrays.get("principal"), REACH)


def _told(left: np.ndarray, right: np.ndarray, bridged: np.ndarray) -> str:
    percent = [100 * there.mean() for there in (left | right, left, right)]
    return (
        f"a hand in {percent[0]:.0f} %, the left in {percent[1]:.0f} %, the right in {percent[2]:.0f} % of "
        f"{len(left)} frames; {bridged.any(axis=(1, 2)).sum()} bridged"
    )
