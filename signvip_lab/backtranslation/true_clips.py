"""Shards as a back-translator sees them: true clips, their texts, and what they were extracted with."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from signvip.data.fields import META, VIDEO
from signvip.data.manifest import Manifest
from signvip.data.provenance import is_marked
from signvip.data.shards import ShardIndex
from signvip.data.video import encode_video, read_comment, read_video
from signvip.errors import DataError

CODEC = "h264, crf 18"  # of `encode_video`, which shards are written with


class TrueClips:
    """Random access to one split of shards that hold ground truth alone; DataError where a clip was generated."""

    def __init__(self, shards: Path, split: str) -> None:
        self.index = ShardIndex(shards, split)
        self.infos: list[dict[str, Any]] = [self.index.load(clip, META) for clip in range(len(self.index))]
        videos = hashlib.sha256()
        for clip, info in enumerate(self.infos):
            video = self.index.read(clip, VIDEO)
            videos.update(video)
            if info.get("generated") or is_marked([read_comment(video) or ""]):
                raise DataError(
                    f"{self.index[clip].key} in {self.index[clip].shard} was generated, and a back-translator that "
                    "learns from generated clips judges itself; give shards of true clips."
                )
        self.digest = videos.hexdigest()  # what is computed from the pictures is kept under it

    def __len__(self) -> int:
        return len(self.index)

    @property
    def texts(self) -> list[str]:
        return [info["text"] for info in self.infos]

    @property
    def languages(self) -> list[str]:
        """The languages of the texts."""
        return [info["text_language"] for info in self.infos]

    def glosses(self, clip: int) -> list[str]:
        """Return the glosses of a clip; none where the dataset has none."""
        return (self.infos[clip].get("gloss") or "").split()

    def frames(self, clip: int, first: int = 0, last: int | None = None) -> np.ndarray:
        """Return frames (F, H, W, 3) uint8 as the shard's mp4 has them."""
        frames, _ = read_video(self.index.read(clip, VIDEO), first, last)
        return frames

    def keypoints(self, clip: int) -> np.ndarray:
        """Return the true keypoints (F, 128, 3)."""
        return self.index.keypoints(clip).astype(np.float32)


def describe(shards: Path) -> dict[str, Any]:
    """Return what a back-translator must remember of the shards that it was trained on."""
    manifest = Manifest.read(shards)
    return {
        "dataset": manifest.dataset,
        "options": manifest.dataset_options,
        "size": list(manifest.size),
        "fps": manifest.fps,
        "codec": CODEC,
    }


def through_codec(frames: np.ndarray, fps: float) -> np.ndarray:
    """Generated frames (F, H, W, 3) uint8 as they come back from a shard: the truth went through the same."""
    height, width = frames.shape[1:3]
    decoded, _ = read_video(encode_video(frames, fps), size=(height, width))
    return decoded


def to_pictures(frames: np.ndarray) -> Tensor:
    """Turn frames (F, H, W, 3) uint8 into (F, 3, H, W) uint8."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2)
