"""Identity similarity (IDS, Table 3): cosine of face embeddings of aligned frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from skimage.transform import SimilarityTransform, warp

import signvip
from signvip.contracts import FACE
from signvip.errors import DataError
from signvip.metrics.base import Measure, Signing, check_aligned
from signvip.metrics.weights import at_least, described, device, load_script, require_file

SIDE, WIDTH, SEEN = 112, 512, 0.3
# where ArcFace wants the eyes (of the left and the right of the picture), the nose and the corners of the mouth
PLACES = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)]
)
PARTS = (
    slice(36, 42),
    slice(42, 48),
    slice(30, 31),
    slice(48, 49),
    slice(54, 55),
)  # of iBUG-68, in that order
Embed = Callable[[np.ndarray], np.ndarray]


class IdentitySimilarity(Measure):
    """Cosine of face embeddings (ArcFace) of aligned frames, in [-1, 1], higher is better; a face not seen is left out.

    The paper does not say which frames are compared. Ours: each frame with the same frame of the truth, the face cut
    from both by the truth's landmarks, mean over a clip's frames, then over clips.
    """

    class Config(signvip.Config):
        weights: Path = Field(
            description="ArcFace as ONNX (needs onnxruntime) or TorchScript, 112x112 to 512."
        )

    takes = "clips"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        file = require_file("ids", config.weights)
        self.embed = _load(file)
        genuine = (
            at_least(file, 10) and self.embed(np.zeros((1, 3, SIDE, SIDE), np.float32)).shape[1] == WIDTH
        )
        self.key = "ids" if genuine else "face_similarity"
        self.signature = f"extractor={described(file)}, aligned frames, faces by the truth's 68 landmarks"

    def __call__(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> dict[str, float]:
        check_aligned(self.key, [clip.frames for clip in generated], [clip.frames for clip in truth])
        values = [self._clip(a.frames, b.frames, b.keypoints) for a, b in zip(generated, truth, strict=True)]
        seen = [float(np.mean(found)) for found in values if len(found)]
        if not seen:
            raise DataError("ids found no face in the keypoints of the ground truth; leave it out.")
        return {self.key: float(np.mean(seen))}

    def counted(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> int:
        return sum(any(seen) for seen in _seen(truth))

    def remark(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> str | None:
        found = [seen for clip in _seen(truth) for seen in clip]
        return f"{self.key} sees a face in {sum(found)} of {len(found)} frames and leaves the others out."

    def _clip(self, made: np.ndarray, wanted: np.ndarray, keypoints: np.ndarray) -> list[float]:
        found = []
        for a, b, points in zip(made, wanted, keypoints, strict=True):
            places = landmarks(points, a.shape[:2])
            if places is not None:
                found.append(cosine(self.embed(face(a, places))[0], self.embed(face(b, places))[0]))
        return found


def _seen(truth: Sequence[Signing]) -> list[list[bool]]:
    """Whether there is a face in each frame of each clip."""
    return [[landmarks(points, (1, 1)) is not None for points in clip.keypoints] for clip in truth]


def landmarks(points: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """The five places (5, 2) in pixels of keypoints (128, 3), or None where the face is not seen."""
    parts = [points[FACE][part] for part in PARTS]
    if min(float(part[:, 2].min()) for part in parts) < SEEN:
        return None
    return np.array([part[:, :2].mean(axis=0) for part in parts]) * (size[1], size[0])


def face(frame: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A frame (H, W, 3) in [0, 1] turned and scaled to ArcFace's places: (1, 3, 112, 112) in [-1, 1]."""
    turn = SimilarityTransform.from_estimate(PLACES, places)
    cut = warp(frame, turn, output_shape=(SIDE, SIDE), order=1)
    return np.ascontiguousarray(cut.transpose(2, 0, 1)[None] * 2 - 1, dtype=np.float32)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two vectors."""
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _load(path: Path) -> Embed:
    if path.suffix != ".onnx":
        network = load_script("ids", path)
        return lambda x: network(torch.from_numpy(x).to(device())).detach().float().cpu().numpy()
    try:
        import onnxruntime
    except ImportError as error:
        raise DataError(
            "ids reads ONNX files with onnxruntime; install it with: pip install onnxruntime"
        ) from error
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: session.run(None, {name: x})[0]
