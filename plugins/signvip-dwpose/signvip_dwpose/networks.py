"""The two networks of DWPose in onnxruntime: who is where (YOLOX), and 133 points of each (RTMPose's head, SimCC).

rtmlib has what comes before and after them. It runs one picture at a time; frames are batched here.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from signvip.errors import DataError


class Detector:
    """Boxes of people in one frame. YOLOX was trained on BGR, unnormalised."""

    def __init__(self, path: Path, device: str, confidence: float) -> None:
        from rtmlib import YOLOX

        self._model = _load(YOLOX, path, device, score_thr=confidence)
        height, width = _sides(self._model)
        self._model.model_input_size = (height, width)

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Return the boxes (P, 4) x0, y0, x1, y1 in pixels of a frame (H, W, 3) RGB."""
        boxes = self._model(np.ascontiguousarray(frame[..., ::-1]))
        return np.asarray(boxes, np.float32).reshape(-1, 4)


class PoseNetwork:
    """Points of one person in each of many frames. DWPose was trained on RGB, normalised."""

    def __init__(self, path: Path, device: str) -> None:
        from rtmlib import RTMPose

        self._model = _load(RTMPose, path, device)
        height, width = _sides(self._model)
        self._model.model_input_size = (width, height)
        self._single = isinstance(_input(self._model).shape[0], int)  # exported for one picture at a time

    def __call__(self, frames: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Return points (F, 133, 3) x, y in pixels and confidence, of frames (H, W, 3) RGB and a box (4,) in each."""
        prepared = [self._model.preprocess(frame, box) for frame, box in zip(frames, boxes, strict=True)]
        pictures = np.stack([picture.transpose(2, 0, 1) for picture, _, _ in prepared]).astype(np.float32)
        x, y = self._run(pictures)
        points = np.zeros((len(prepared), x.shape[1], 3), np.float32)
        for number, (_, centre, scale) in enumerate(prepared):
            one = slice(number, number + 1)
            places, scores = self._model.postprocess([x[one], y[one]], centre, scale)
            points[number] = np.concatenate([places[0], scores[0][:, None]], axis=-1)
        return points

    def _run(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        name = _input(self._model).name
        groups = [pictures[i : i + 1] for i in range(len(pictures))] if self._single else [pictures]
        outputs = [self._model.session.run(None, {name: group}) for group in groups]
        x, y = (np.concatenate(parts) for parts in zip(*outputs, strict=True))
        return x, y


def _load(kind: Any, path: Path, device: str, **options: Any) -> Any:
    """Build one of rtmlib's models without its word on standard output, which belongs to results."""
    try:
        with redirect_stdout(io.StringIO()):
            return kind(str(path), backend="onnxruntime", device=device, **options)
    except Exception as error:  # onnxruntime's errors share no base class
        raise DataError(
            f"{path} is not a network that onnxruntime can run ({error}); fetch it again"
        ) from error


def _input(model: Any) -> Any:
    return model.session.get_inputs()[0]


def _sides(model: Any) -> tuple[int, int]:
    """Return the height and width that a network was exported for."""
    shape = _input(model).shape
    if len(shape) != 4 or not all(isinstance(side, int) for side in shape[2:]):
        raise DataError(
            f"{model.onnx_model} takes {shape}, and not pictures of one size; use another export of it"
        )
    return shape[2], shape[3]
