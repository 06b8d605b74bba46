"""Identity similarity (IDS, Table 3): cosine of face embeddings of aligned frames, or with the reference picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from skimage.transform import SimilarityTransform, warp

import signvip
from signvip.contracts import FACE
from signvip.errors import DataError
from signvip.measures import MeanOfClips, Signing, check_aligned, check_pairs, check_video
from signvip_metrics.backbones import at_least, described, device, load_script, require_file

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
Face = tuple[np.ndarray, np.ndarray]  # a frame (H, W, 3), and the five places (5, 2) of its face in pixels


class IdentitySimilarity(MeanOfClips):
    """Cosine of face embeddings (ArcFace) of aligned frames, in [-1, 1], higher is better; a face not seen is left out.

    The paper does not say which frames are compared. Ours: each frame with the same frame of the truth, the face cut
    from both by the truth's landmarks, mean over a clip's frames, then over clips.
    """

    class Config(signvip.Config):
        weights: Path = Field(
            description="ArcFace as ONNX (needs onnxruntime) or TorchScript, 112x112 to 512."
        )

    takes, aligned = "clips", True
    name, stand_in = "ids", "face_similarity"
    compared = "aligned frames, faces by the truth's 68 landmarks"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        file = require_file(self.name, config.weights)
        self.embed = _load(file)
        genuine = (
            at_least(file, 10) and self.embed(np.zeros((1, 3, SIDE, SIDE), np.float32)).shape[1] == WIDTH
        )
        self.key = self.name if genuine else self.stand_in
        self.signature = f"extractor={described(file)}, {self.compared}"

    def of_clips(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> list[float | None]:
        self._check(generated, truth)
        values = [self._cosines(a, b) for a, b in zip(generated, truth, strict=True)]
        if not any(values):
            raise DataError(f"{self.name} found no face in the keypoints; leave it out.")
        return [float(np.mean(found)) if found else None for found in values]

    def counted(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> int:
        return sum(any(seen) for seen in self._seen(generated, truth))

    def remark(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> str | None:
        found = [seen for clip in self._seen(generated, truth) for seen in clip]
        return f"{self.key} sees a face in {sum(found)} of {len(found)} frames and leaves the others out."

    def _check(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> None:
        check_aligned(self.key, [clip.frames for clip in generated], [clip.frames for clip in truth])

    def _seen(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> list[list[bool]]:
        """Return whether there are two faces to compare in each frame of each clip."""
        clips = zip(generated, truth, strict=True)
        return [[pair is not None for pair in self._pairs(a, b)] for a, b in clips]

    def _cosines(self, made: Signing, wanted: Signing) -> list[float]:
        found = [pair for pair in self._pairs(made, wanted) if pair is not None]
        return [cosine(self._embed(a), self._embed(b)) for a, b in found]

    def _embed(self, found: Face) -> np.ndarray:
        return self.embed(face(*found))[0]

    def _pairs(self, made: Signing, wanted: Signing) -> Iterator[tuple[Face, Face] | None]:
        """Yield the two faces to compare in each frame of a clip; None where a face is not seen."""
        for a, b, points in zip(made.frames, wanted.frames, wanted.keypoints, strict=True):
            places = landmarks(points, a.shape[:2])
            yield None if places is None else ((a, places), (b, places))


class ReferenceIdentity(IdentitySimilarity):
    """Cosine of face embeddings of each frame with the reference picture (IDS of text-to-video, Table 3).

    Clips from the text have no aligned truth. Every face is cut by landmarks that one extractor found in that very
    frame, in true and in generated ones alike; mean over a clip's frames, then over clips.
    """

    takes, aligned = "identities", False
    name, stand_in = "ids_reference", "reference_similarity"
    compared = "each frame with the reference picture, faces by landmarks found in each"

    def _check(self, generated: Sequence[Signing], truth: Sequence[Signing]) -> None:
        check_pairs(self.key, generated, truth)
        for clip in (*generated, *truth):
            check_video(self.key, clip.frames)

    def _cosines(self, made: Signing, wanted: Signing) -> list[float]:
        found = [pair for pair in self._pairs(made, wanted) if pair is not None]
        if not found:
            return []
        reference = self._embed(found[0][1])  # one picture for all frames
        return [cosine(self._embed(frame), reference) for frame, _ in found]

    def _pairs(self, made: Signing, wanted: Signing) -> Iterator[tuple[Face, Face] | None]:
        reference = wanted.frames[0]
        there = landmarks(wanted.keypoints[0], reference.shape[:2])
        for frame, points in zip(made.frames, made.keypoints, strict=True):
            places = landmarks(points, frame.shape[:2])
            if places is None or there is None:
                yield None
            else:
                yield (frame, places), (reference, there)


def landmarks(points: np.ndarray, size: tuple[int, int]) -> np.ndarray | None:
    """Return the five places (5, 2) in pixels of keypoints (128, 3), or None where the face is not seen."""
    parts = [points[FACE][part] for part in PARTS]
    if min(float(part[:, 2].min()) for part in parts) < SEEN:
        return None
    return np.array([part[:, :2].mean(axis=0) for part in parts]) * (size[1], size[0])


def face(frame: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return a frame (H, W, 3) in [0, 1] turned and scaled to ArcFace's places: (1, 3, 112, 112) in [-1, 1]."""
    turn = SimilarityTransform.from_estimate(PLACES, places)
    cut = warp(frame, turn, output_shape=(SIDE, SIDE), order=1)
    return np.ascontiguousarray(cut.transpose(2, 0, 1)[None] * 2 - 1, dtype=np.float32)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Return the cosine of the angle between two vectors."""
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
