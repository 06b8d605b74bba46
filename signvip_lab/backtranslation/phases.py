"""Train a back-translator in the one loop: a reader of poses, then the translator."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

import signvip
from signvip.contracts import BODY, FACE, LEFT_HAND, RIGHT_HAND
from signvip.progress import Reporter, Silent
from signvip.stages.clips import Draws
from signvip.storage.files import replacing, write_text
from signvip_lab.backtranslation.config import BackTranslatorConfig
from signvip_lab.backtranslation.networks import PoseReader, SignTranslator
from signvip_lab.backtranslation.poses import distances
from signvip_lab.backtranslation.true_clips import TrueClips, to_pictures
from signvip_lab.backtranslation.variation import Variation
from signvip_lab.backtranslation.vocabulary import targets

READ_TOGETHER = 16  # clips
BEAMS = 4  # while it learns; how many it keeps is chosen at the end
PREVIEW_CLIPS = 24
PARTS = {"body": BODY, "face": FACE, "hands": slice(LEFT_HAND.start, RIGHT_HAND.stop)}

Rows = Callable[[int], Tensor]
"""A clip's rows: pictures (F, 3, H, W) uint8, or features (F, D)."""


class _PoseLoss(nn.Module):
    """Absolute error of the points that are there."""

    def __init__(self, reader: PoseReader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, float]]:
        points = batch["keypoints"]
        sure = (points[..., 2:] >= 0.5).float()
        wanted = (points[..., :2] - self.reader.mean) / self.reader.scale
        apart = (self.reader(batch["pictures"]) - wanted).abs() * sure
        return apart.sum() / (2 * sure.sum()).clamp(min=1), {}


class PosePhase:
    """Single frames of true clips and their keypoints."""

    name = "poses"
    idle = False

    def __init__(
        self, config: BackTranslatorConfig, train: TrueClips, dev: TrueClips, reader: PoseReader
    ) -> None:
        self.config, self.train, self.dev = config, train, dev
        self.module = _PoseLoss(reader)

    def batch(self, index: int) -> dict[str, Any]:
        pictures, keypoints = [], []
        for draws in Draws.of_batch(self.config.seed, self.name, index, self.config.poses.clips):
            clip = draws.clip(len(self.train))
            points = self.train.keypoints(clip)
            picks = draws.scattered(len(points), self.config.poses.frames)
            frames = self.train.frames(clip, picks[0], picks[-1] + 1)
            varied = Variation.draw(draws.random, self.config.frames)
            pictures.append(varied.pictures(to_pictures(frames[np.asarray(picks) - picks[0]])))
            keypoints.append(torch.from_numpy(varied.keypoints(points[picks], frames.shape[1:3])))
        return {"pictures": torch.cat(pictures), "keypoints": torch.cat(keypoints)}

    def validate(self, folder: Path) -> dict[str, float]:
        """Return the mean distances on dev, in pixels of the shards' pictures."""
        reader, apart = self.module.reader, []
        for clip in range(min(PREVIEW_CLIPS, len(self.dev))):
            found = reader.read(to_pictures(self.dev.frames(clip)).to(reader.mean.device)).cpu().numpy()
            apart.append(distances(found, self.dev.keypoints(clip)))
        pixels = np.concatenate(apart) * min(self.config.corpus["size"])
        return {f"{name}_px": float(np.nanmean(pixels[:, part])) for name, part in PARTS.items()}


class TextPhase:
    """Clips and their texts; the weights that write the best texts on dev are kept."""

    name = "texts"
    idle = False

    def __init__(
        self,
        config: BackTranslatorConfig,
        clips: tuple[TrueClips, TrueClips],
        rows: tuple[Rows, Rows],
        module: SignTranslator,
        tokenizer: PreTrainedTokenizerFast,
        glosses: Sequence[str],
        reporter: Reporter | None = None,
    ) -> None:
        self.config, self.module, self.tokenizer = config, module, tokenizer
        self.reporter = reporter or Silent()
        (self.train, self.dev), (self.rows, self.dev_rows) = clips, rows
        self.glosses = {gloss: number for number, gloss in enumerate(glosses, 1)}

    def batch(self, index: int) -> dict[str, Any]:
        draws = Draws.of_batch(self.config.seed, self.name, index, self.config.texts.clips)
        picks = [draw.clip(len(self.train)) for draw in draws]
        parts = [self._varied(self.rows(pick), draw) for pick, draw in zip(picks, draws, strict=True)]
        read, wanted = targets(
            self.tokenizer,
            [self.train.texts[pick] for pick in picks],
            [self.train.languages[pick] for pick in picks],
            self.config.translator.max_words,
        )
        batch = {"rows": torch.cat(parts), "lengths": _lengths(parts), "read": read, "wanted": wanted}
        if self.glosses:
            lines = [[self.glosses[gloss] for gloss in self.train.glosses(pick)] for pick in picks]
            batch["glosses"] = torch.tensor([number for line in lines for number in line])
            batch["gloss_lengths"] = _lengths(lines)
        return batch

    def validate(self, folder: Path) -> dict[str, float]:
        """BLEU-4 and chrF on dev."""
        texts = self.write(BEAMS)
        bleu, chrf = (signvip.build("metric", name)(texts, self.dev.texts) for name in ("bleu", "chrf"))
        values = {"bleu4": bleu["bleu4"], **chrf}
        self.reporter.say(f"{folder.name}: dev BLEU-4 {values['bleu4']:.2f}, chrF {values['chrf']:.2f}")
        pairs = zip(self.dev.texts, texts, strict=True)
        write_text(folder / "texts.tsv", "".join(f"{wanted}\t{made}\n" for wanted, made in pairs))
        best = folder.parents[1] / "best.safetensors"
        if (values["bleu4"], values["chrf"]) > _scores(best):
            # in one text: safetensors writes several in an order of its own, and equal weights as other bytes
            about = json.dumps({**values, "step": int(folder.name[5:])})
            with replacing(best) as temporary:
                save_file(self.module.state_dict(), temporary, metadata={"about": about})
        return values

    def write(self, beams: int) -> list[str]:
        """Return the texts of the dev split."""
        device, texts = self.module.network.device, []
        for first in range(0, len(self.dev), READ_TOGETHER):
            picks = range(first, min(first + READ_TOGETHER, len(self.dev)))
            parts = [self.dev_rows(pick) for pick in picks]
            languages = [self.dev.languages[pick] for pick in picks]
            texts += self.module.write(
                torch.cat(parts).to(device), _lengths(parts), languages, self.tokenizer, beams,
                self.config.translator.max_words,
            )  # fmt: skip
        return texts

    def take_best(self, folder: Path) -> int:
        """Load the weights that were best on dev; returns the step that they are of."""
        best = folder / "best.safetensors"
        self.module.load_state_dict(load_file(best))
        return int(_about(best)["step"])

    def _varied(self, rows: Tensor, draws: Draws) -> Tensor:
        """Pictures as another camera might have them; features of poses stay as they are."""
        if rows.dtype != torch.uint8:
            return rows
        return Variation.draw(draws.random, self.config.frames).pictures(rows)


def _scores(best: Path) -> tuple[float, float]:
    if not best.is_file():
        return -1.0, -1.0
    about = _about(best)
    return float(about["bleu4"]), float(about["chrf"])


def _about(best: Path) -> dict[str, Any]:
    """Read what is noted of the best weights so far: their step, and their scores on dev."""
    with safe_open(best, "pt") as file:
        noted: dict[str, str] = file.metadata()
    return json.loads(noted["about"]) if "about" in noted else noted  # older ones note each by itself


def _lengths(rows: Sequence[Any]) -> Tensor:
    return torch.tensor([len(row) for row in rows])
