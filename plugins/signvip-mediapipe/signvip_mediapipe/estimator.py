"""The estimator `mediapipe`: body, face and 3D hands by MediaPipe Holistic, from the models in its wheel."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from pydantic import Field

import signvip
from signvip.estimation import doubled_hands, from_holistic, report, tidy
from signvip_mediapipe.landmarks import BODY_POINTS, FACE_POINTS, HAND_POINTS, array, sure
from signvip_mediapipe.models import fingerprint
from signvip_mediapipe.quiet import quiet
from signvip_mediapipe.second_look import look_again
from signvip_mediapipe.window import signer_window


class Mediapipe:
    """One person a clip, followed by MediaPipe; a fresh graph for each clip, so that no clip changes another."""

    provides = ("keypoints", "hands")

    class Config(signvip.Config):
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
        """What the keypoints depend on beside the options."""
        return fingerprint()

    def __call__(self, clip: signvip.Clip) -> Mapping[str, np.ndarray]:
        """`keypoints` and `hands`, z from the wrist; DataError where no frame shows a person."""
        start = time.perf_counter()
        height, width = clip.frames.shape[1:3]
        x0, x1 = self._window(clip.frames)
        frames = np.ascontiguousarray(clip.frames[:, :, x0:x1])
        body, face, hands = self._holistic(frames)
        if not body[..., 3].any():
            raise signvip.DataError("MediaPipe sees nobody in it; leave this clip out, or mend it")
        hands[doubled_hands(_keypoints(body, face, hands), (x1 - x0) / height)] = 0
        hands = self._second_look(frames, body, hands)
        for found in (body, face, hands):
            found[..., 0] = (found[..., 0] * (x1 - x0) + x0) / width
            found[..., 2] *= (x1 - x0) / width
        points = _keypoints(body, face, hands)
        tidied = tidy(points, hands, fps=clip.fps, gap=self.config.gap, aspect=width / height)
        report("mediapipe", clip, tidied.coverage, time.perf_counter() - start)
        return tidied.known

    def _window(self, frames: np.ndarray) -> tuple[int, int]:
        with quiet():
            from mediapipe.python.solutions.face_detection import FaceDetection

            with FaceDetection(model_selection=1) as detector:
                return signer_window(frames, detector)

    def _holistic(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Body (F, 33, 4), face (F, 478, 4) and hands (F, 2, 21, 4), in fractions of these frames."""
        with quiet():
            from mediapipe.python.solutions.holistic import Holistic

            graph = Holistic(
                model_complexity=self.config.complexity,
                refine_face_landmarks=True,
                min_detection_confidence=self.config.detection,
                min_tracking_confidence=self.config.tracking,
            )
            with graph:
                return _stacked([graph.process(frame) for frame in frames])

    def _second_look(self, frames: np.ndarray, body: np.ndarray, hands: np.ndarray) -> np.ndarray:
        missing = np.flatnonzero((hands[:, :, 0, 3] == 0).any(axis=1))
        if not len(missing):
            return hands
        with quiet():
            from mediapipe.python.solutions.hands import Hands

            with Hands(static_image_mode=True, max_num_hands=2) as finder:
                for frame in missing:
                    hands[frame] = look_again(frames[frame], body[frame], hands[frame], finder)
        return hands


def _stacked(results: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    body = np.stack([array(result.pose_landmarks, BODY_POINTS) for result in results])
    face = np.stack([sure(result.face_landmarks, FACE_POINTS) for result in results])
    hands = [
        [sure(hand, HAND_POINTS) for hand in (result.left_hand_landmarks, result.right_hand_landmarks)]
        for result in results
    ]
    return body, face, np.array(hands)


def _keypoints(body: np.ndarray, face: np.ndarray, hands: np.ndarray) -> np.ndarray:
    body, face, left, right = (part[..., [0, 1, 3]] for part in (body, face, hands[:, 0], hands[:, 1]))
    return from_holistic(body, face, left, right)
