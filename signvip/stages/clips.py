"""Read frames, conditions, embeddings and tokens of the clips in a set of shards, for all stages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from signvip.config import RunConfig
from signvip.data.shards import ShardIndex
from signvip.data.video import read_video
from signvip.errors import DataError
from signvip.registry import build
from signvip.training.seeds import step_seed


class Clips:
    """Random access to one split; everything random comes from a generator that the caller seeds."""

    def __init__(self, shards: Path, split: str, config: RunConfig) -> None:
        self.index = ShardIndex(shards, split)
        self.size = config.size
        self._infos: dict[int, dict[str, Any]] = {}
        self.painters = {
            name: build("condition", name, **options) for name, options in config.conditions.items()
        }

    def __len__(self) -> int:
        return len(self.index)

    def info(self, clip: int) -> dict[str, Any]:
        """Return the clip's `json` member."""
        if clip not in self._infos:
            info = self.index.load(clip, "json")
            missing = [name for name in ("id", "text", "frames", "fps") if name not in info]
            if missing:
                raise DataError(
                    f"{self.index.keys[clip]} in {self.index.folder} has no {missing[0]} in its json; look for "
                    f"more by: signvip doctor {self.index.folder}"
                )
            if info.get("split", self.index.split) != self.index.split:
                raise DataError(
                    f"{self.index[clip].shard} holds {self.index.keys[clip]}, a clip of {info['split']}; delete it and "
                    "run the command that made this folder again."
                )
            self._infos[clip] = info
        return self._infos[clip]

    def frames(self, clip: int, picks: Sequence[int]) -> Tensor:
        """Return frames (F, 3, H, W) uint8; decoded forward, once."""
        first, last = min(picks), max(picks) + 1
        video, _ = read_video(self.index.read(clip, "mp4"), start=first, stop=last)
        if len(video) < last - first:
            raise DataError(
                f"The video of {self.index.keys[clip]} in {self.index[clip].shard} has fewer frames than its json "
                "says; delete that shard and run the command that made this folder again."
            )
        return torch.from_numpy(video[np.asarray(picks) - first]).permute(0, 3, 1, 2)

    def conditions(self, clip: int, picks: Sequence[int] | None = None) -> Tensor:
        """Drawings of all conditions, stacked: (F, K*3, H, W) uint8."""
        drawn = [
            painter.draw(self.index.load(clip, f"{name}.npz"), self.size, picks)
            for name, painter in self.painters.items()
        ]
        return torch.from_numpy(np.concatenate(drawn, axis=-1)).permute(0, 3, 1, 2).contiguous()

    def coordinates(self, clip: int) -> dict[str, dict[str, np.ndarray]]:
        """Return the stored arrays of each condition by name, a row per frame, to be drawn or predicted."""
        return {name: self.index.load(clip, f"{name}.npz") for name in self.painters}

    def array(self, clip: int, field: str, picks: Sequence[int] | None = None) -> Tensor:
        """Some frames (all by default) of a stored array: `latents.npy`, `embeddings.npy` or `tokens.npy`."""
        stored = self.index.load(clip, field)
        stored = stored if picks is None else stored[np.asarray(picks)]
        return torch.from_numpy(stored.astype(np.float32 if "tokens" not in field else np.int64))

    def has(self, field: str) -> bool:
        """Return whether the samples of this split carry a field."""
        return self.index.has(field)


class Draws:
    """The random choices of one sample: which clip, which of its frames.

    They depend on the sample's number alone, not on the batch it falls into: two processes, or two steps of
    accumulation, see what one step with twice the batch sees.
    """

    def __init__(self, seed: int, phase: str, index: int) -> None:
        self.random = np.random.default_rng(step_seed(seed, phase, index))
        self.seed, self.phase, self.index = seed, phase, index

    @classmethod
    def of_batch(cls, seed: int, phase: str, batch: int, count: int) -> list[Draws]:
        """Return the draws of batch number `batch`, of `count` samples."""
        return [cls(seed, phase, index) for index in range(batch * count, (batch + 1) * count)]

    def clip(self, total: int) -> int:
        """Return the clips of a batch: every clip once per pass, each pass shuffled anew."""
        turn, place = divmod(self.index, total)
        order = np.random.default_rng(step_seed(self.seed, f"{self.phase}/order", turn)).permutation(total)
        return int(order[place])

    def frames(self, total: int, count: int, stride: int = 1) -> list[int]:
        """`count` frames of a clip in order; a clip that is too short is held at its last frame."""
        stride = max(1, min(stride, (total - 1) // max(1, count - 1))) if count > 1 else 1
        first = int(self.random.integers(0, max(1, total - (count - 1) * stride)))
        return [min(first + i * stride, total - 1) for i in range(count)]

    def scattered(self, total: int, count: int) -> list[int]:
        """`count` frames of a clip anywhere, without repetition where the clip is long enough."""
        return sorted(int(i) for i in self.random.choice(total, size=count, replace=total < count))
