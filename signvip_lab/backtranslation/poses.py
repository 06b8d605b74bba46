"""Poses as features: keypoints that one extractor finds in true and generated pictures alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from signvip.contracts import NUM_KEYPOINTS, Clip
from signvip.errors import DataError, SignVipWarning
from signvip.registry import build, plugins
from signvip.storage.files import replacing
from signvip_lab.backtranslation.networks import PoseReader
from signvip_lab.backtranslation.true_clips import to_pictures

NECK, RIGHT_SHOULDER, LEFT_SHOULDER = 1, 2, 5  # OpenPose-18
SEEN = 0.3  # least confidence, as where conditions are drawn
WIDTH = NUM_KEYPOINTS * 2
NORMALISATION = "centred on the neck and scaled by the shoulders (medians over the clip), z-scores of train"

Extractor = Callable[[np.ndarray], np.ndarray]
"""Frames (F, H, W, 3) uint8 to keypoints (F, 128, 3)."""


def normalise(keypoints: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Keypoints (F, 128, 3) of frames of (H, W) to (F, 256), without where the signer stands and how large they are.

    What is not seen is NaN; so is everything in a clip without neck and shoulders.
    """
    places = keypoints[..., :2] * (size[1] / size[0], 1.0)
    seen = keypoints[..., 2] >= SEEN
    trunk = [NECK, RIGHT_SHOULDER, LEFT_SHOULDER]
    whole = seen[:, trunk].all(axis=1)
    if not whole.any():
        return np.full((len(keypoints), WIDTH), np.nan, np.float32)
    neck, right, left = np.median(places[whole][:, trunk], axis=0)
    placed = (places - neck) / max(float(np.linalg.norm(right - left)), 1e-3)
    return np.where(seen[..., None], placed, np.nan).reshape(len(keypoints), WIDTH).astype(np.float32)


def learned(reader: PoseReader) -> Extractor:
    """Return the extractor for a dataset whose characters no estimator knows."""

    def extract(frames: np.ndarray) -> np.ndarray:
        pictures = to_pictures(frames).to(reader.mean.device)
        return reader.read(pictures).cpu().numpy()

    return extract


def estimated(name: str, fps: float) -> Extractor:
    """Return an estimator plugin, on frames as shards hold them.

    A clip in which it sees nobody, as generated ones may be, has points of confidence 0 and is told by a warning. Its
    DataError is raised as long as it has found nothing in any clip: then the estimator is what is broken.
    """
    estimator, found = build("estimator", name), False

    def extract(frames: np.ndarray) -> np.ndarray:
        nonlocal found
        clip = Clip(id="", frames=frames, fps=fps, text="")
        try:
            points = np.asarray(estimator(clip)["keypoints"], dtype=np.float32)
        except DataError as error:
            if not found:
                raise
            warnings.warn(f"A clip counts as one without a signer: {error}.", SignVipWarning, stacklevel=2)
            return np.zeros((len(frames), NUM_KEYPOINTS, 3), np.float32)
        found = True
        return points

    return extract


def describe_estimator(name: str) -> str:
    """Return an estimator with what decides its results: version and weights."""
    versions = [record.version for record in plugins() if (record.kind, record.name) == ("estimator", name)]
    weights = getattr(build("estimator", name), "weights", None)
    return " ".join(filter(None, [name, versions[0] if versions else "", weights]))


def cached(
    path: Path, count: int, compute: Callable[[int], np.ndarray], advance: Callable[[], None]
) -> list[np.ndarray]:
    """Return the features of all clips of a split, computed once and stored whole or not at all."""
    if path.is_file():
        with np.load(path) as stored:
            return np.split(stored["features"], np.cumsum(stored["lengths"])[:-1])
    features = []
    for clip in range(count):
        features.append(compute(clip))
        advance()
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez(file, features=np.concatenate(features), lengths=[len(rows) for rows in features])
    return features


def distances(found: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return distances (P, 128) in fractions of the picture, NaN where the truth is not seen. Keypoints (P, 128, 3)."""
    apart = np.linalg.norm(found[..., :2] - truth[..., :2], axis=-1)
    return np.where(truth[..., 2] >= SEEN, apart, np.nan)
