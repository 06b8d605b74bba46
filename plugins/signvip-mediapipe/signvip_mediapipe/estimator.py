"""The estimator `mediapipe`: body, face and 3D hands by MediaPipe Holistic, from the models in its wheel."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

import signvip
from signvip.estimation import doubled_hands, from_holistic, report, tidy
from signvip.estimation.weights import fingerprint
from signvip_mediapipe import bundle, models, wheel


class Mediapipe:
    """One person a clip, followed by MediaPipe; a fresh graph for each clip, so that no clip changes another."""

    provides = ("keypoints", "hands")
    finds_people = True
    usual = True  # it runs offline and on a CPU
    weights_licence = "Apache-2.0"

    class Config(signvip.Config):
        task: Path | None = Field(
            None, description="a holistic_landmarker.task in the place of the models in the wheel"
        )
        complexity: Literal[0, 1, 2] = Field(
            1, description="model of the body; 0 and 2 are downloaded by MediaPipe, 1 is in its wheel"
        )
        detection: float = Field(0.5, gt=0, lt=1, description="confidence from which a person is one")
        tracking: float = Field(
            0.5, gt=0, lt=1, description="confidence below which the person is sought anew"
        )
        gap: float = Field(0.25, ge=0, description="seconds without a sight that are bridged")

    def __init__(self, config: Config) -> None:
        self.config = config

    @property
    def weights(self) -> str:
        """Return the fingerprint of the weights that the keypoints depend on."""
        return fingerprint(models.required() if self.config.task is None else [self.config.task])

    def __call__(self, clip: signvip.Clip) -> Mapping[str, np.ndarray]:
        """Return `keypoints` and `hands`, z from the wrist; DataError where no frame shows a person."""
        start = time.perf_counter()
        height, width = clip.frames.shape[1:3]
        x0, x1 = self._window(clip.frames)
        frames = np.ascontiguousarray(clip.frames[:, :, x0:x1])
        body, face, hands = self._holistic(frames, clip.fps)
        if not body[..., 3].any():
            raise signvip.DataError("MediaPipe sees nobody in it; leave this clip out, or fix it")
        hands[doubled_hands(_keypoints(body, face, hands), (x1 - x0) / height)] = 0
        if self.config.task is None:
            hands = wheel.second_look(frames, body, hands)
        for found in (body, face, hands):
            found[..., 0] = (found[..., 0] * (x1 - x0) + x0) / width
            found[..., 2] *= (x1 - x0) / width
        points = _keypoints(body, face, hands)
        tidied = tidy(points, hands, fps=clip.fps, gap=self.config.gap, aspect=width / height)
        report("mediapipe", clip, tidied.coverage, time.perf_counter() - start)
        return tidied.known

    def _window(self, frames: np.ndarray) -> tuple[int, int]:
        if self.config.task is not None:
            return 0, frames.shape[2]
        models.required()
        return wheel.window(frames)

    def _holistic(self, frames: np.ndarray, fps: float) -> wheel.Found:
        options = self.config
        if options.task is None:
            return wheel.holistic(frames, options.complexity, options.detection, options.tracking)
        return bundle.holistic(frames, fps, options.task, options.detection, options.tracking)


def _keypoints(body: np.ndarray, face: np.ndarray, hands: np.ndarray) -> np.ndarray:
    body, face, left, right = (part[..., [0, 1, 3]] for part in (body, face, hands[:, 0], hands[:, 1]))
    return from_holistic(body, face, left, right)
