"""Stage II: the autoencoder around a quantizer, on the frozen condition encoder's embeddings (Eq. 6)."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from signvip.config import RunConfig, Training
from signvip.contracts import Quantized
from signvip.errors import ConfigError
from signvip.models import ConditionEncoder, EmbeddingTokenizer, PoseHead
from signvip.models.code_usage import CodeUsage
from signvip.models.pose_losses import bump_loss, heat_loss, place_loss
from signvip.models.token_groups import BodyAndHands, Located
from signvip.registry import drawing
from signvip.stages.clips import Clips, Draws
from signvip.stages.hands import hand_cells, hand_centres, hands_alone, place_errors
from signvip.stages.parts import CHUNK, embed
from signvip.stages.poses import stored_keypoints
from signvip.training.trainable import Frozen, device_of
from signvip.training.validation import Share, Sums, add

STATISTICS_CLIPS = 128  # however many a batch has: the processes of a step share it


class Reconstruction(nn.Module):
    def __init__(
        self,
        autoencoder: EmbeddingTokenizer,
        encoder: ConditionEncoder,
        hand_weight: float = 1.0,
        finger_weight: float = 0.0,
        reader: PoseHead | None = None,  # of fingers, where they have a weight
    ) -> None:
        super().__init__()
        self.autoencoder, self.encoder = autoencoder, Frozen(encoder)
        self.hand_weight, self.finger_weight = hand_weight, finger_weight
        self.reader = None if reader is None else Frozen(reader)

    @property
    def asks_for_keypoints(self) -> bool:
        """Return whether hands should be found by their true keypoints."""
        grouped = isinstance(self.autoencoder, BodyAndHands)
        return grouped or self.hand_weight != 1 or self.reader is not None

    def embed(self, batch: dict[str, Tensor]) -> Tensor:
        """Embeddings e (B, C, h, w), stored or computed from drawings."""
        return embed(self.encoder, batch)

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        e = self.embed(batch)
        rebuilt, quantized = self.autoencoder(e)
        share = self._share(rebuilt, e, batch)
        others = self._others(rebuilt, quantized, batch)
        loss = share + quantized.loss + sum(others.values())
        return loss, {"reconstruction": share.detach()} | {
            name: each.detach() for name, each in others.items()
        }

    def _others(self, rebuilt: Tensor, quantized: Quantized, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the losses besides Eq. 6: where groups see the hands, and fingers read from rebuilt embeddings."""
        losses = {}
        if isinstance(quantized, Located):
            losses["places"] = bump_loss(quantized.where, hand_centres(batch["keypoints"]))
        if self.reader is not None:
            maps, truth = self.reader.network(rebuilt), hands_alone(batch["keypoints"])
            losses["fingers"] = self.finger_weight * (heat_loss(maps, truth) + place_loss(maps, truth))
        return losses

    def _share(self, rebuilt: Tensor, e: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Eq. 6: the squared error of standardised embeddings, where cells about hands may count more."""
        rebuilt, e = self.autoencoder.standardise(rebuilt), self.autoencoder.standardise(e)
        if self.hand_weight == 1:
            return functional.mse_loss(rebuilt, e)
        hands = hand_cells(batch["keypoints"], (e.shape[2], e.shape[3]))
        weights = 1 + (self.hand_weight - 1) * hands[:, None]
        return ((rebuilt - e).square() * weights).mean() / weights.mean()


class TokensPhase:
    """Compress and quantize single frames of embeddings; standardised, so the loss is a share of the variance."""

    name = "stage2"

    def __init__(
        self,
        config: RunConfig,
        training: Training,
        shards: Path,
        encoder: ConditionEncoder,
        autoencoder: EmbeddingTokenizer,
        stored: bool,  # the shards hold embeddings of this very encoder
        reader: PoseHead | None = None,
    ) -> None:
        self.config, self.training = config, training
        self.train, self.dev = Clips(shards, "train", config), Clips(shards, "dev", config)
        self.stored, weights = stored, config.stage2
        self.module = Reconstruction(autoencoder, encoder, weights.hand_weight, weights.finger_weight, reader)
        if self.module.asks_for_keypoints:
            self._require_keypoints()
        self._measure_channels(autoencoder)

    @property
    def idle(self) -> bool:
        """A quantizer of any plugin may have weights that a step does not use; the built-in ones have none."""
        quantizers = self.module.autoencoder.bottlenecks
        return any(weight.requires_grad for quantizer in quantizers for weight in quantizer.parameters())

    def batch(self, index: int) -> dict[str, Any]:
        parts = []
        for draws in Draws.of_batch(self.config.seed, self.name, index, self.training.clips):
            clip = draws.clip(len(self.train))
            picks = draws.scattered(self.train.info(clip)["frames"], self.training.frames)
            parts.append(self._read(self.train, clip, picks))
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    @property
    def _field(self) -> str:
        return "embeddings" if self.stored else "conditions"

    def _read(self, clips: Clips, clip: int, picks: list[int]) -> dict[str, Tensor]:
        batch = {
            self._field: clips.array(clip, "embeddings.npy", picks)
            if self.stored
            else clips.conditions(clip, picks)
        }
        if self.module.asks_for_keypoints:
            points = stored_keypoints(clips.coordinates(clip))
            assert points is not None  # asked for when the phase began
            batch["keypoints"] = torch.from_numpy(points[picks])
        return batch

    def _require_keypoints(self) -> None:
        """Refuse conditions that do not tell where the hands are."""
        if stored_keypoints(self.train.coordinates(0)) is None:
            how = drawing("keypoints")
            raise ConfigError(
                f"{' and '.join(self.config.conditions)} store no keypoints to find hands by; make shards with "
                f"{how}, or leave autoencoder.groups and stage2.hand_weight as they are by default."
            )

    def _embed(self, batch: dict[str, Tensor]) -> Tensor:
        device = device_of(self.module)
        return self.module.embed({name: value.to(device) for name, value in batch.items()})

    def _measure_channels(self, autoencoder: EmbeddingTokenizer) -> None:
        """Set the mean and deviation of each channel from training frames."""
        batches = range(ceil(STATISTICS_CLIPS / self.training.clips))
        e = torch.cat([self._embed(self.batch(index)) for index in batches])
        autoencoder.set_statistics(e.mean(dim=(0, 2, 3)), e.std(dim=(0, 2, 3)))

    def validate(self, folder: Path) -> dict[str, float]:
        """Unexplained share of the variance, error, usage and perplexity over the whole dev split."""
        return self.scores(self.measure(Share.of(len(self.dev), seed=0, whole=True), folder))

    def measure(self, share: Share, folder: Path) -> Sums:
        """Errors, moments and counted tokens of some dev frames, at most `CHUNK` of them at a time."""
        parts = []
        for clip in share.own():
            picks = share.picks(self.dev.info(clip)["frames"])
            for first in range(0, len(picks), CHUNK):
                batch = self._read(self.dev, clip, picks[first : first + CHUNK])
                parts.append(self._sums(self._embed(batch), batch))
        return add(parts)

    def _sums(self, e: Tensor, batch: dict[str, Tensor]) -> Sums:
        autoencoder, usage = self.module.autoencoder, CodeUsage(self.module.autoencoder.vocab_size)
        rebuilt, quantized = autoencoder(e)
        usage.add(quantized.tokens)
        raw = (rebuilt.float() - e).square().sum()
        e, rebuilt = autoencoder.standardise(e), autoencoder.standardise(rebuilt.float())
        apart: Sums = {}
        if isinstance(quantized, Located):
            apart = place_errors(quantized.where.cpu(), batch["keypoints"], self.config.size)
        return {
            **apart,
            "raw": float(raw),
            "errors": float((rebuilt - e).square().sum()),
            "total": float(e.sum()),
            "squares": float(e.square().sum()),
            "count": e.numel(),
            "codes": usage.counts,
        }

    def scores(self, sums: Sums) -> dict[str, float]:
        """Return numbers to log, from sums over all frames."""
        if not sums:
            return {}
        count, usage = sums["count"], CodeUsage.of(cast(Tensor, sums["codes"]))
        variance = sums["squares"] / count - (sums["total"] / count) ** 2
        places = {"place_error": float(sums["apart"] / sums["hands"])} if sums.get("hands") else {}
        return {
            **places,
            "unexplained": float(sums["errors"] / count / variance),
            "mse": float(sums["raw"] / count),
            "usage": usage.usage,
            "perplexity": usage.perplexity,
        }
