"""Stage II, its last part: the head that reads keypoints from the frozen condition encoder's embeddings e.

Its examples are true conditions, whose keypoints are stored beside what is drawn of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from signvip.config import RunConfig, Training
from signvip.contracts import BODY, FACE, KEYPOINTS, LEFT_HAND, NUM_KEYPOINTS, RIGHT_HAND
from signvip.models import EmbeddingTokenizer, PoseHead
from signvip.models.pose_head import SEEN
from signvip.models.pose_losses import keypoint_loss
from signvip.stages.clips import Clips, Draws
from signvip.stages.parts import CHUNK, embed
from signvip.training.trainable import Frozen, device_of
from signvip.training.validation import Share, Sums, add

STATISTICS_FRAMES = 128
DECODED = "decoded_"  # names of what is read from embeddings that tokens decode to
GROUPS = {
    "wrist": [KEYPOINTS.index("right_wrist"), KEYPOINTS.index("left_wrist")],
    "finger": [*range(LEFT_HAND.start + 1, LEFT_HAND.stop), *range(RIGHT_HAND.start + 1, RIGHT_HAND.stop)],
    "face": list(range(FACE.start, FACE.stop)),
    "body": list(range(BODY.start, BODY.stop)),
}


def stored_keypoints(arrays: Mapping[str, Mapping[str, np.ndarray]]) -> np.ndarray | None:
    """Keypoints (F, 128, 3) in fractions that a clip's conditions store; None where none stores any.

    All of a condition's `keypoints` (F, 128, 3), else the joints of its `hands` (F, 2, 21, 4). Points that are not
    seen, not in the picture, or of no condition are all zeros.
    """
    found: np.ndarray | None = None
    for condition in arrays.values():
        if "keypoints" in condition:
            return in_picture(condition["keypoints"])
        if "hands" in condition and found is None:
            hands = condition["hands"]
            found = np.zeros((len(hands), NUM_KEYPOINTS, 3), np.float32)
            found[:, LEFT_HAND], found[:, RIGHT_HAND] = (
                hands[:, 0][..., [0, 1, 3]],
                hands[:, 1][..., [0, 1, 3]],
            )
    return None if found is None else in_picture(found)


def in_picture(points: np.ndarray) -> np.ndarray:
    """Keypoints (F, 128, 3) in fractions, zeros where a point is unseen or out of the picture: nothing shows it."""
    points = points.astype(np.float32)
    places = points[..., :2]
    seen = (points[..., 2] >= SEEN) & ((places >= 0) & (places <= 1)).all(axis=-1)
    return np.where(seen[..., None], points, np.float32(0))


class KeypointLoss(nn.Module):
    """The loss of the head, behind what makes its input: the frozen condition encoder."""

    def __init__(
        self,
        head: PoseHead,
        encoder: nn.Module,
        tokenizer: EmbeddingTokenizer | None = None,  # whose tokens `decoded` asks for
        decoded: float = 0.0,
    ) -> None:
        super().__init__()
        self.head, self.decoded = head, decoded
        self.encoder: Frozen[Any] = Frozen(encoder)
        self.tokenizer = None if tokenizer is None else Frozen(tokenizer)

    def embed(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Embeddings e (B, C, h, w), stored or computed from drawings."""
        return embed(self.encoder, batch)

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        e = self.embed(batch)
        if self.tokenizer is not None:
            drawn = torch.rand(len(e), 1, 1, 1, device=e.device) < self.decoded
            e = torch.where(drawn, self.rebuilt(e), e)
        return keypoint_loss(self.head(e), batch["keypoints"])

    @torch.no_grad()
    def rebuilt(self, e: Tensor) -> Tensor:
        """Return what the tokens of embeddings e (B, C, h, w) decode to."""
        assert self.tokenizer is not None
        return self.tokenizer.network(e)[0].to(e.dtype)


class PosesPhase:
    """Learn to read the keypoints of single frames, from embeddings of their true conditions."""

    name, idle = "stage2-poses", False

    def __init__(
        self,
        config: RunConfig,
        training: Training,
        shards: Path,
        module: KeypointLoss,
        stored: bool,  # the shards hold what this very network makes of a frame
    ) -> None:
        self.config, self.training = config, training
        self.train, self.dev = Clips(shards, "train", config), Clips(shards, "dev", config)
        self.stored, self.module = stored, module
        module.head.set_statistics(self._sample())

    def _sample(self) -> Tensor:
        """Embeddings (B, C, h, w) of training frames, as every process finds them."""
        device, parts = device_of(self.module), []
        for index in range(ceil(STATISTICS_FRAMES / (self.training.clips * self.training.frames))):
            batch = {name: value.to(device) for name, value in self.batch(index).items()}
            parts.append(self.module.embed(batch))
        return torch.cat(parts)

    def batch(self, index: int) -> dict[str, Any]:
        parts = []
        for draws in Draws.of_batch(self.config.seed, self.name, index, self.training.clips):
            clip = draws.clip(len(self.train))
            picks = draws.scattered(self.train.info(clip)["frames"], self.training.frames)
            parts.append(self._read(self.train, clip, picks))
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def _read(self, clips: Clips, clip: int, picks: list[int]) -> dict[str, Tensor]:
        points = stored_keypoints(clips.coordinates(clip))
        assert points is not None  # the stage asked before it began
        return {"keypoints": torch.from_numpy(points[picks]), **self._shown(clips, clip, picks)}

    def _shown(self, clips: Clips, clip: int, picks: list[int]) -> dict[str, Tensor]:
        """Read what the keypoints of some frames are to be read from."""
        if self.stored:
            return {"embeddings": clips.array(clip, "embeddings.npy", picks)}
        return {"conditions": clips.conditions(clip, picks)}

    def validate(self, folder: Path) -> dict[str, float]:
        """Mean errors in pixels, and the share of points told rightly as seen or unseen, over the whole dev split."""
        return self.scores(self.measure(Share.of(len(self.dev), seed=0, whole=True), folder))

    def measure(self, share: Share, folder: Path) -> Sums:
        """Errors and counts of some dev frames, at most `CHUNK` of them at a time."""
        device, parts = device_of(self.module), []
        for clip in share.own():
            picks = share.picks(self.dev.info(clip)["frames"])
            for first in range(0, len(picks), CHUNK):
                batch = self._read(self.dev, clip, picks[first : first + CHUNK])
                e = self.module.embed({name: value.to(device) for name, value in batch.items()})
                parts.append(self._sums(self._read_points(e), batch["keypoints"]))
                if self.module.tokenizer is not None:
                    found = self._read_points(self.module.rebuilt(e))
                    apart = self._sums(found, batch["keypoints"])
                    parts.append({f"{DECODED}{name}": value for name, value in apart.items()})
        return add(parts)

    def _read_points(self, e: Tensor) -> Tensor:
        return self.module.head.locate(e).float().cpu()

    def _sums(self, found: Tensor, truth: Tensor) -> Sums:
        height, width = self.config.size
        apart = (found[..., :2] - truth[..., :2] * truth.new_tensor([width, height])).norm(dim=-1)
        seen = truth[..., 2] > 0
        sums = {"right": float(((found[..., 2] >= SEEN) == seen).sum()), "points": float(seen.numel())}
        for name, points in GROUPS.items():
            sums[f"{name}_error"] = float((apart * seen)[:, points].sum())
            sums[f"{name}_count"] = float(seen[:, points].sum())
        return sums

    def scores(self, sums: Sums) -> dict[str, float]:
        """Return numbers to log, from sums over all frames; groups that no condition shows are left out."""
        found = {}
        for kind in ("", DECODED):
            if not sums.get(f"{kind}points"):
                continue
            for name in GROUPS:
                if count := sums[f"{kind}{name}_count"]:
                    found[f"{kind}{name}_error"] = float(sums[f"{kind}{name}_error"] / count)
            found[f"{kind}seen"] = float(sums[f"{kind}right"] / sums[f"{kind}points"])
        return found
