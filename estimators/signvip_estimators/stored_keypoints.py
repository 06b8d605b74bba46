"""The estimator `keypoints`: nothing is estimated, others have; their files are read by the ids of the clips."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from signvip import contracts
from signvip.data import digest, marks
from signvip.errors import DataError
from signvip.estimation.places import signer_of
from signvip.estimation.signer import SEEN
from signvip.estimation.stored import find, read
from signvip.estimation.stored_clip import FASTEST, Stored
from signvip.estimation.tidy import GAP, report, tidy
from signvip_estimators.resample import resample

LOGGER = logging.getLogger("signvip.keypoints")
OTHER_SHAPE = 0.05  # how much width / height of two pictures may differ until one was cropped
_NEAR = 0.05  # how much two rates may differ until they are not the same told in other words
_USUAL = (10, 121)  # frames a second of videos


class Keypoints:
    """Reads `<id>.pose`, `<id>.npz` or the JSON of OpenPose in `<id>/`; the places are those of the uncropped clip."""

    class Config(contracts.Config):
        source: Path = Field(description="folder with a file or folder for each clip, named by its id")
        provides: tuple[Literal["keypoints", "hands"], ...] = Field(
            ("keypoints",), description="hands too, where the files have their z: MediaPipe's .pose, or npz"
        )
        fps: float | None = Field(None, gt=0, description="frames a second, where the files do not say")
        size: tuple[int, int] | None = Field(
            None, description="(H, W) of the pictures that pixels count in, where the files do not say"
        )
        gap: float = Field(GAP, ge=0, description="seconds without a sight that are bridged")

    def __init__(self, config: Config) -> None:
        self.config = config
        self.provides = config.provides

    def stamp(self, clip_id: str) -> str:
        """Return a hash of the clip's file, and of nothing where there is none."""
        try:
            return digest(marks([find(self.config.source, clip_id)]))
        except DataError:
            return ""

    def __call__(self, clip: contracts.Clip) -> Mapping[str, np.ndarray]:
        """Return what the clip's file says; DataError where there is none, or where it is of another clip."""
        start = time.perf_counter()
        path = find(self.config.source, clip.id)
        stored = read(path)
        height, width = clip.frames.shape[1:3]
        size = self._size(stored, clip, path)
        points, hands = signer_of(stored, size, path)
        hands = self._hands(hands, path)
        fps = self._fps(stored, clip, path)
        points = resample(points, fps, len(clip.frames), clip.fps)
        if hands is not None:
            hands = resample(hands, fps, len(clip.frames), clip.fps)
        found = tidy(points, hands, fps=clip.fps, gap=self.config.gap, aspect=width / height)
        report("keypoints", clip, found.coverage, time.perf_counter() - start)
        return {name: found.known[name] for name in self.provides}

    def _size(self, stored: Stored, clip: contracts.Clip, path: Path) -> tuple[float, float]:
        """(H, W) to divide by; DataError where the pictures cannot have been those of the clip."""
        height, width = clip.frames.shape[1:3]
        given = stored.size or self.config.size
        if given is not None:
            if abs(given[1] / given[0] / (width / height) - 1) > OTHER_SHAPE:
                raise DataError(
                    f"{path} is of pictures of {given[1]:g}x{given[0]:g}, the clip has {width}x{height}; give "
                    f"keypoints of the uncropped clip"
                )
            return given
        seen = [people[people[..., 2] >= SEEN] for people in stored.people]
        farthest = (
            np.concatenate([one[:, :2] for one in seen]).max(axis=0, initial=0) if seen else np.zeros(2)
        )
        if (farthest <= 2).all():
            return 1.0, 1.0
        if (farthest > 1.2 * np.array([width, height])).any():
            raise DataError(
                f"{path} has points at {farthest[0]:.0f}, {farthest[1]:.0f}, but the clip has {width}x{height} pixels; "
                f"say what size its pictures were, by --set estimator.keypoints.size=[H,W]"
            )
        return float(height), float(width)

    def _hands(self, hands: np.ndarray | None, path: Path) -> np.ndarray | None:
        if "hands" not in self.provides:
            return None
        if hands is None:
            raise DataError(f"{path} has no 3D hands; leave hands out of estimator.keypoints.provides")
        return hands

    def _fps(self, stored: Stored, clip: contracts.Clip, path: Path) -> float:
        """Return the file's rate; both last equally long if that is near it (29 stands for 29.97) or none is known."""
        frames = len(stored.people)
        equal = frames / (len(clip.frames) / clip.fps)
        fps = self.config.fps or stored.fps
        if fps is not None and not 0 < fps <= FASTEST:
            raise DataError(
                f"{path} says that it has {fps:g} frames a second; say at what rate it was made, by "
                f"--set estimator.keypoints.fps=N"
            )
        if fps is None and frames != len(clip.frames) and not _USUAL[0] <= equal <= _USUAL[1]:
            raise DataError(
                f"there are {frames} stored frames for a clip of {len(clip.frames)} at {clip.fps:g} a second; say at "
                f"what rate they were made, by --set estimator.keypoints.fps=N"
            )
        if fps is None or abs(fps / equal - 1) < _NEAR:
            fps = equal
        if frames != len(clip.frames):
            LOGGER.info(
                "keypoints %s: %d stored frames at %.4g a second, resampled to %d at %.4g",
                clip.id, frames, fps, len(clip.frames), clip.fps,
            )  # fmt: skip
        return fps
