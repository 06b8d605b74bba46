"""Stage III: the multi-condition token translator, on the tokens of `signvip tokenize` (Eq. 7)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from signvip.config import RunConfig, Training
from signvip.errors import ConfigError, DataError, SignVipWarning
from signvip.models import TokenTranslator
from signvip.models.seen_texts import Seen
from signvip.stages.clips import Clips, Draws
from signvip.training.trainable import device_of
from signvip.training.validation import Share, Sums, add

PREVIEW_TEXTS = 24
_TOLD = ("texts", "tokens", "lengths", "languages", "ended", "alignment")  # of each clip
_DIVISORS = {
    "token_accuracy": "frames",
    "letter_accuracy": "frames",
    "eos_accuracy": "ends",
    "length_ratio": "texts",
}
"""What a value is a mean over, where that is not all frames and the [EOS] of clips that end."""


class TranslationLoss(nn.Module):
    def __init__(self, translator: TokenTranslator) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, Mapping[str, Tensor | float]]:
        return self.translator.loss(**{name: batch[name] for name in _TOLD})


def check_languages(found: Sequence[str], known: Sequence[str]) -> None:
    """Refuse sign languages that a translator was not built for; warn where it cannot tell several apart."""
    setting = "--set 'translator.languages=[" + ",".join(f'"{language}"' for language in found) + "]'"
    if known and not set(found) <= set(known):
        raise ConfigError(
            f"The shards have clips in {', '.join(sorted(set(found) - set(known)))}, and the translator is built for "
            f"{', '.join(known)}; start a run with {setting}."
        )
    if not known and len(found) > 1:
        warnings.warn(
            f"The shards have {len(found)} sign languages, and this translator goes by the text alone; to ask for one "
            f"of them start a run with {setting}.",
            SignVipWarning,
            stacklevel=2,
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
        self.module = TranslationLoss(translator)

    def languages(self) -> list[str]:
        """Return the sign languages of all clips (ISO 639-3)."""
        clips = ((split, clip) for split in (self.train, self.dev) for clip in range(len(split)))
        return sorted({split.info(clip)["language"] for split, clip in clips})

    def check_alignment(self) -> None:
        """Refuse shards of which no clip knows what a translator that points at letters learns from."""
        infos = (self.train.info(clip) for clip in range(len(self.train)))
        if self.module.translator.points and not any("alignment" in info for info in infos):
            raise ConfigError(
                f"No clip of {self.train.index.folder} knows which letter its frames sign, which "
                "translator.alignment=pointer learns from; make others with a dataset that does, or start a "
                "run with --set translator.alignment=attention"
            )

    def seen(self) -> Seen:
        """Return all words or letters, the sign languages and the longest text of the training clips."""
        infos = (self.train.info(clip) for clip in range(len(self.train)))
        return Seen.of(((info["language"], info["text"]) for info in infos), self.module.translator.unit)

    def batch(self, index: int) -> dict[str, Any]:
        samples = Draws.of_batch(self.config.seed, self.name, index, self.training.clips)
        return self._collate(self.train, [draws.clip(len(self.train)) for draws in samples])

    def _collate(self, clips: Clips, picks: list[int]) -> dict[str, Any]:
        infos = [clips.info(clip) for clip in picks]
        whole = [clips.array(clip, "tokens.npy") for clip in picks]
        tokens = [row[: self.training.frames] for row in whole]
        alignment = [_alignment(info)[: self.training.frames] for info in infos]
        return {
            "texts": [info["text"] for info in infos],
            "languages": [info["language"] for info in infos],
            "tokens": nn.utils.rnn.pad_sequence(tokens, batch_first=True),
            "lengths": torch.tensor([len(row) for row in tokens]),
            "ended": torch.tensor([len(row) <= self.training.frames for row in whole]),
            "alignment": nn.utils.rnn.pad_sequence(alignment, batch_first=True, padding_value=-1),
        }

    def validate(self, folder: Path) -> dict[str, float]:
        """Loss on the dev split; greedy lengths against the true ones, for sentences that training never saw."""
        return self.scores(self.measure(Share.of(len(self.dev), seed=0, whole=True), folder))

    def measure(self, share: Share, folder: Path) -> Sums:
        """Losses by batches as large as those of training, weighed by their frames; lengths of a few sentences."""
        clips, size = share.own(), self.training.clips
        losses = [self._losses(list(clips[first : first + size])) for first in range(0, len(clips), size)]
        previews = list(share.own(PREVIEW_TEXTS))
        return add([*losses, *(self._lengths(previews, folder, share.rank) if previews else [])])

    def _losses(self, picks: list[int]) -> Sums:
        batch = self._collate(self.dev, picks)
        device, frames, ends = device_of(self.module), int(batch["lengths"].sum()), int(batch["ended"].sum())
        loss, values = self.module(
            {key: value.to(device) if isinstance(value, Tensor) else value for key, value in batch.items()}
        )
        counts = {"weight": frames + ends, "frames": frames, "ends": ends}
        found = {"loss": loss, **values}
        return counts | {name: counts[_DIVISORS.get(name, "weight")] * float(found[name]) for name in found}

    def _lengths(self, picks: list[int], folder: Path, rank: int) -> list[Sums]:
        infos = [self.dev.info(clip) for clip in picks]
        texts, true = [info["text"] for info in infos], [info["frames"] for info in infos]
        made = self.module.translator.generate(
            texts, languages=[info["language"] for info in infos], max_frames=self.config.sampler.max_frames
        )
        ratios = [len(tokens) / frames for tokens, frames in zip(made, true, strict=True)]
        lines = [f"{ratio:.2f}\t{text}" for ratio, text in zip(ratios, texts, strict=True)]
        (folder / (f"lengths-{rank}.tsv" if rank else "lengths.tsv")).write_text("\n".join(lines) + "\n")
        return [{"texts": 1, "length_ratio": ratio} for ratio in ratios]

    def scores(self, sums: Sums) -> dict[str, float]:
        """Means, from the sums of all processes."""
        counts = ("weight", "frames", "ends", "texts")
        return {
            name: float(value / max(1, sums[_DIVISORS.get(name, "weight")]))
            for name, value in sums.items()
            if name not in counts
        }


def _alignment(info: Mapping[str, Any]) -> Tensor:
    """Return the character of its text that each frame of a clip signs (F,); -1 where that is none, or not known."""
    places = info.get("alignment", [-1] * info["frames"])
    if len(places) != info["frames"] or not all(-1 <= place < len(info["text"]) for place in places):
        raise DataError(
            f"The alignment of clip {info['id']} is not a character of its text, or -1, for each of its "
            f"{info['frames']} frames; make its shards again with: signvip preprocess"
        )
    return torch.tensor(places, dtype=torch.long)
