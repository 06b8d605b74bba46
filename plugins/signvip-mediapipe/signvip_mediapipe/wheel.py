"""MediaPipe's solutions, on the models in the wheel of 0.10.21: a fresh graph a clip, silent while it runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from signvip_mediapipe.landmarks import BODY_POINTS, FACE_POINTS, HAND_POINTS, array, sure
from signvip_mediapipe.quiet import quiet
from signvip_mediapipe.second_look import look_again
from signvip_mediapipe.window import signer_window

Found = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Body (F, 33, 4), face (F, 478, 4) and hands (F, 2, 21, 4): x, y, z in fractions of the picture, confidence."""


def window(frames: np.ndarray) -> tuple[int, int]:
    """Return the columns of frames (F, H, W, 3) in which to look for the signer."""
    with quiet():
        from mediapipe.python.solutions.face_detection import FaceDetection

        with FaceDetection(model_selection=1) as detector:
            return signer_window(frames, detector)


def holistic(frames: np.ndarray, complexity: int, detection: float, tracking: float) -> Found:
    """Follow one person through frames (F, H, W, 3)."""
    with quiet():
        from mediapipe.python.solutions.holistic import Holistic

        graph = Holistic(
            model_complexity=complexity,
            refine_face_landmarks=True,
            min_detection_confidence=detection,
            min_tracking_confidence=tracking,
        )
        with graph:
            return stacked([graph.process(frame) for frame in frames])


def second_look(frames: np.ndarray, body: np.ndarray, hands: np.ndarray) -> np.ndarray:
    """Return hands (F, 2, 21, 4), those that were missing looked for again."""
    missing = np.flatnonzero((hands[:, :, 0, 3] == 0).any(axis=1))
    if not len(missing):
        return hands
    hands = hands.copy()
    with quiet():
        from mediapipe.python.solutions.hands import Hands

        with Hands(static_image_mode=True, max_num_hands=2) as finder:
            for frame in missing:
                hands[frame] = look_again(frames[frame], body[frame], hands[frame], finder)
    return hands


def stacked(results: list[Any]) -> Found:
    """Return results that have landmark lists or None, as arrays."""
    body = np.stack([array(result.pose_landmarks, BODY_POINTS) for result in results])
    face = np.stack([sure(result.face_landmarks, FACE_POINTS) for result in results])
    hands = [
        [sure(hand, HAND_POINTS) for hand in (result.left_hand_landmarks, result.right_hand_landmarks)]
        for result in results
    ]
    return body, face, np.array(hands)
