"""Stage II: the autoencoder around a quantizer, on the frozen condition encoder's embeddings (Eq. 6)."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from signvip.config import RunConfig, Training
from signvip.data.pixels import to_model
from signvip.models import Autoencoder, ConditionEncoder
from signvip.models.usage import CodeUsage
from signvip.stages.clips import Clips, Draws
from signvip.stages.codecs import CHUNK
from signvip.trainable import Frozen, device_of
from signvip.validation import Share, Sums, add

STATISTICS_CLIPS = 128  # however many a batch has: the processes of a step share it


class Reconstruction(nn.Module):
    def __init__(self, autoencoder: Autoencoder, encoder: ConditionEncoder) -> None:
        super().__init__()
        self.autoencoder, self.encoder = autoencoder, Frozen(encoder)

    def embed(self, batch: dict[str, Tensor]) -> Tensor:
        """Embeddings e (B, C, h, w), stored or computed from drawings."""
        if "embeddings" in batch:
            return batch["embeddings"].float()
        with torch.no_grad():
            return self.encoder.network(to_model(batch["conditions"]))

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        e = self.embed(batch)
        rebuilt, quantized = self.autoencoder(e)
        share = functional.mse_loss(self.autoencoder.standardise(rebuilt), self.autoencoder.standardise(e))
        return share + quantized.loss, {"reconstruction": share.detach()}


class TokensPhase:
    """Compress and quantize single frames of embeddings; standardised, so the loss is a share of the variance."""

    name = "stage2"

    def __init__(
        self,
        config: RunConfig,
        training: Training,
        shards: Path,
        encoder: ConditionEncoder,
        autoencoder: Autoencoder,
        stored: bool,  # the shards hold embeddings of this very encoder
    ) -> None:
        self.config, self.training = config, training
        self.train, self.dev = Clips(shards, "train", config), Clips(shards, "dev", config)
        self.stored = stored
        self.module = Reconstruction(autoencoder, encoder)
        self._measure_channels(autoencoder)

    @property
    def idle(self) -> bool:
        """A quantizer of any plugin may have weights that a step does not use; the built-in ones have none."""
        return any(weight.requires_grad for weight in self.module.autoencoder.bottleneck.parameters())

    def batch(self, index: int) -> dict[str, Any]:
        parts = []
        for draws in Draws.of_batch(self.config.seed, self.name, index, self.training.clips):
            clip = draws.clip(len(self.train))
            picks = draws.scattered(self.train.info(clip)["frames"], self.training.frames)
            parts.append(self._read(self.train, clip, picks))
        return {self._field: torch.cat(parts)}

    @property
    def _field(self) -> str:
        return "embeddings" if self.stored else "conditions"

    def _read(self, clips: Clips, clip: int, picks: list[int]) -> Tensor:
        if self.stored:
            return clips.array(clip, "embeddings.npy", picks)
        return clips.conditions(clip, picks)

    def _embed(self, batch: dict[str, Tensor]) -> Tensor:
        device = device_of(self.module)
        return self.module.embed({name: value.to(device) for name, value in batch.items()})

    def _measure_channels(self, autoencoder: Autoencoder) -> None:
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
                e = self._embed({self._field: self._read(self.dev, clip, picks[first : first + CHUNK])})
                parts.append(self._sums(e))
        return add(parts)

    def _sums(self, e: Tensor) -> Sums:
        autoencoder, usage = self.module.autoencoder, CodeUsage(self.module.autoencoder.vocab_size)
        rebuilt, quantized = autoencoder(e)
        usage.add(quantized.tokens)
        raw = (rebuilt.float() - e).square().sum()
        e, rebuilt = autoencoder.standardise(e), autoencoder.standardise(rebuilt.float())
        return {
            "raw": float(raw),
            "errors": float((rebuilt - e).square().sum()),
            "total": float(e.sum()),
            "squares": float(e.square().sum()),
            "count": e.numel(),
            "codes": usage.counts,
        }

    def scores(self, sums: Sums) -> dict[str, float]:
        """Numbers to log, from sums over all frames."""
        if not sums:
            return {}
        count, usage = sums["count"], CodeUsage.of(cast(Tensor, sums["codes"]))
        variance = sums["squares"] / count - (sums["total"] / count) ** 2
        return {
            "unexplained": float(sums["errors"] / count / variance),
            "mse": float(sums["raw"] / count),
            "usage": usage.usage,
            "perplexity": usage.perplexity,
        }
