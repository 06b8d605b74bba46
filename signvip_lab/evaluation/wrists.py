"""Read wrists from embeddings e with a linear probe, for runs that have no pose head."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from signvip.stages.clips import Clips
from signvip_lab.evaluation.chain import Chain, as_array

RIGHT_WRIST, LEFT_WRIST = 4, 7  # OpenPose-18
PROBE_FRAMES = 1200
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)


@dataclass(frozen=True)
class WristProbe:
    """A linear map from embeddings to wrist positions; it can only read what the embeddings hold.

    Positions are (F, 2, 2): right and left wrist, x and y as fractions of the frame.
    """

    mean: np.ndarray
    scale: float
    weights: np.ndarray
    bias: np.ndarray

    def __call__(self, e: np.ndarray) -> np.ndarray:
        """Turn embeddings (F, C, h, w) into positions (F, 2, 2)."""
        flat = (e.reshape(len(e), -1) - self.mean) / self.scale
        return (flat @ self.weights + self.bias).reshape(-1, 2, 2)


def fit_wrist_probe(train: tuple[np.ndarray, np.ndarray], dev: tuple[np.ndarray, np.ndarray]) -> WristProbe:
    """Ridge regression on training frames; its strength is chosen on dev frames. Pairs of (e, positions)."""
    flat = train[0].reshape(len(train[0]), -1).astype(np.float64)
    mean, scale = flat.mean(axis=0), float(flat.std()) or 1.0
    flat = (flat - mean) / scale
    wanted = train[1].reshape(len(flat), -1)
    bias = wanted.mean(axis=0)
    gram = flat @ flat.T
    probes = []
    for strength in STRENGTHS:
        ridge = strength * np.trace(gram) / len(gram) * np.eye(len(gram))
        weights = flat.T @ np.linalg.solve(gram + ridge, wanted - bias)
        probes.append(WristProbe(mean, scale, weights, bias))
    return min(probes, key=lambda probe: float(np.abs(probe(dev[0]) - dev[1]).mean()))


def wrist_positions(keypoints: np.ndarray) -> np.ndarray:
    """Turn keypoints (F, 128, 3) into wrist positions (F, 2, 2)."""
    return keypoints[:, [RIGHT_WRIST, LEFT_WRIST], :2].astype(np.float64)


def fit_probe(chain: Chain, shards: Path) -> WristProbe:
    """Fit the wrist probe on frames of the train split, and choose its strength on the dev split."""
    return fit_wrist_probe(
        *(_frames(chain, Clips(shards, split, chain.run.config)) for split in ("train", "dev"))
    )


def _frames(chain: Chain, clips: Clips) -> tuple[np.ndarray, np.ndarray]:
    embeddings, positions, count = [], [], 0
    for clip in range(len(clips)):
        embeddings.append(as_array(chain.embed(clips.conditions(clip))))
        positions.append(wrist_positions(clips.index.keypoints(clip)))
        count += len(positions[-1])
        if count >= PROBE_FRAMES:
            break
    return np.concatenate(embeddings), np.concatenate(positions)
