"""Stage II: the autoencoder around a quantizer, on the frozen condition encoder's embeddings (Eq. 6)."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from signvip.config import RunConfig, Training
from signvip.data.pixels import to_model
from signvip.models import Autoencoder, ConditionEncoder
from signvip.models.usage import CodeUsage
from signvip.stages.clips import Clips, Draws

STATISTICS_CLIPS = 128  # however many a batch has: the processes of a step share it


class _Reconstruction(nn.Module):
    def __init__(self, autoencoder: Autoencoder, encoder: ConditionEncoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self._encoder = (
            encoder.eval().requires_grad_(False),
        )  # in a tuple: frozen, not stored in checkpoints

    def embed(self, batch: dict[str, Tensor]) -> Tensor:
        """Embeddings e (B, C, h, w), stored or computed from drawings."""
        if "embeddings" in batch:
            return batch["embeddings"].float()
        conditions = batch["conditions"]
        with torch.no_grad():
            return self._encoder[0].to(conditions.device)(to_model(conditions))

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        e = self.embed(batch)
        rebuilt, quantized = self.autoencoder(e)
        share = functional.mse_loss(self.autoencoder.standardise(rebuilt), self.autoencoder.standardise(e))
        return share + quantized.loss, {"reconstruction": float(share.detach())}


class TokensPhase:
    """Compress and quantize single frames of embeddings; standardised, so the loss is a share of the variance."""

    name = "stage2"
    idle = True  # a quantizer of any plugin may have weights that a step does not use

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
        self.module = _Reconstruction(autoencoder, encoder)
        self._measure(autoencoder)

    def batch(self, index: int) -> dict[str, Any]:
        field = "embeddings" if self.stored else "conditions"
        parts = []
        for draws in Draws.of_batch(self.config.seed, self.name, index, self.training.clips):
            clip = draws.clip(len(self.train))
            picks = draws.scattered(self.train.info(clip)["frames"], self.training.frames)
            parts.append(self._read(self.train, clip, picks))
        return {field: torch.cat(parts)}

    def _read(self, clips: Clips, clip: int, picks: list[int] | None = None) -> Tensor:
        if self.stored:
            return clips.array(clip, "embeddings.npy", picks)
        return clips.conditions(clip, picks)

    def _measure(self, autoencoder: Autoencoder) -> None:
        """Set the mean and deviation of each channel from training frames."""
        batches = range(ceil(STATISTICS_CLIPS / self.training.clips))
        e = torch.cat([self.module.embed(self.batch(index)) for index in batches])
        autoencoder.set_statistics(e.mean(dim=(0, 2, 3)), e.std(dim=(0, 2, 3)))

    def validate(self, folder: Path) -> dict[str, float]:
        """Unexplained share of the variance, error, usage and perplexity over the whole dev split."""
        autoencoder = self.module.autoencoder
        usage, errors, count = CodeUsage(autoencoder.vocab_size), 0.0, 0
        total, squares, raw = 0.0, 0.0, 0.0
        field = "embeddings" if self.stored else "conditions"
        for clip in range(len(self.dev)):
            batch = {field: self._read(self.dev, clip).to(next(autoencoder.parameters()).device)}
            e = self.module.embed(batch)
            rebuilt, quantized = autoencoder(e)
            usage.add(quantized.tokens)
            raw += float((rebuilt - e).square().sum())
            e, rebuilt = autoencoder.standardise(e), autoencoder.standardise(rebuilt)
            errors += float((rebuilt - e).square().sum())
            total, squares, count = (
                total + float(e.sum()),
                squares + float(e.square().sum()),
                count + e.numel(),
            )
        variance = squares / count - (total / count) ** 2
        return {
            "unexplained": errors / count / variance,
            "mse": raw / count,
            "usage": usage.usage,
            "perplexity": usage.perplexity,
        }
