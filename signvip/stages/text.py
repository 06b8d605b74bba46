"""Stage III: the multi-condition token translator, on the tokens of `signvip tokenize` (Eq. 7)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from signvip.config import RunConfig, Training
from signvip.models import TokenTranslator
from signvip.stages.clips import Clips, Draws

PREVIEW_TEXTS = 24


class _TranslationLoss(nn.Module):
    def __init__(self, translator: TokenTranslator) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        return self.translator.loss(
            batch["texts"], batch["tokens"], batch["lengths"], languages=batch["languages"]
        )


class TextPhase:
    """Texts and the tokens of their clips."""

    name = "stage3"
    idle = True  # a translator of any plugin may have weights that a step does not use

    def __init__(
        self, config: RunConfig, training: Training, shards: Path, translator: TokenTranslator
    ) -> None:
        self.config, self.training = config, training
        self.train, self.dev = Clips(shards, "train", config), Clips(shards, "dev", config)
        self.module = _TranslationLoss(translator)

    def batch(self, index: int) -> dict[str, Any]:
        samples = Draws.of_batch(self.config.seed, self.name, index, self.training.clips)
        return self._collate(self.train, [draws.clip(len(self.train)) for draws in samples])

    def _collate(self, clips: Clips, picks: list[int]) -> dict[str, Any]:
        infos = [clips.info(clip) for clip in picks]
        tokens = [clips.array(clip, "tokens.npy")[: self.training.frames] for clip in picks]
        return {
            "texts": [info["text"] for info in infos],
            "languages": [info["language"] for info in infos],
            "tokens": nn.utils.rnn.pad_sequence(tokens, batch_first=True),
            "lengths": torch.tensor([len(row) for row in tokens]),
        }

    def validate(self, folder: Path) -> dict[str, float]:
        """Loss on the dev split; greedy lengths against the true ones, for sentences that training never saw."""
        picks = list(range(min(PREVIEW_TEXTS, len(self.dev))))
        batch = self._collate(self.dev, picks)
        translator = self.module.translator
        device = next(translator.parameters()).device
        moved = {
            key: value.to(device) if isinstance(value, Tensor) else value for key, value in batch.items()
        }
        loss, values = self.module(moved)
        made = translator.generate(
            batch["texts"], languages=batch["languages"], max_frames=self.config.sampler.max_frames
        )
        ratios = [len(tokens) / float(length) for tokens, length in zip(made, batch["lengths"], strict=True)]
        lines = [f"{ratio:.2f}\t{text}" for ratio, text in zip(ratios, batch["texts"], strict=True)]
        (folder / "lengths.tsv").write_text("\n".join(lines) + "\n")
        return {"loss": float(loss), **values, "length_ratio": sum(ratios) / len(ratios)}
