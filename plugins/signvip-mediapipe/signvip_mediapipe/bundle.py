"""MediaPipe's tasks, for a `holistic_landmarker.task` that the user has: the way of the releases after 0.10.21."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from signvip.errors import DataError, PluginError
from signvip_mediapipe.models import in_wheel
from signvip_mediapipe.quiet import quiet
from signvip_mediapipe.wheel import Found, stacked

PARTS = ("pose_landmarks", "face_landmarks", "left_hand_landmarks", "right_hand_landmarks")


def holistic(frames: np.ndarray, fps: float, task: Path, detection: float, tracking: float) -> Found:
    """Follow one person through frames (F, H, W, 3); DataError where the file is none that MediaPipe can run."""
    if in_wheel():
        raise PluginError(
            "The tasks of this MediaPipe end the whole process where a hand is missing; leave estimator.mediapipe.task "
            "out, which works with this release, or pip install 'mediapipe>=1.2'"
        )
    if not task.is_file():
        raise DataError(f"there is no {task}; fetch MediaPipe's holistic_landmarker.task and give its path")
    with quiet():
        import mediapipe
        from mediapipe.tasks.python import BaseOptions, vision

        options = vision.HolisticLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(task)),
            running_mode=vision.RunningMode.VIDEO,
            min_pose_detection_confidence=detection,
            min_pose_landmarks_confidence=tracking,
        )
        try:
            graph = vision.HolisticLandmarker.create_from_options(options)
        except Exception as error:  # of several kinds, by the release
            raise DataError(f"{task} is not a Holistic that this MediaPipe can run ({error})") from error
        with graph:
            pictures = (
                mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=frame) for frame in frames
            )
            return stacked(
                [
                    _listed(graph.detect_for_video(picture, round(1000 * number / fps)))
                    for number, picture in enumerate(pictures)
                ]
            )


def _listed(result: Any) -> SimpleNamespace:
    """Return a result of the tasks in the words of the solutions: a list in a message, or None."""
    lists = {name: getattr(result, name) for name in PARTS}
    return SimpleNamespace(
        **{name: SimpleNamespace(landmark=found) if found else None for name, found in lists.items()}
    )
