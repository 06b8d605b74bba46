"""A trained back-translator: a folder that reads signing back into text, and says what it may be applied to.

evaluator.json     what it is and was trained on, how good it was on dev, and its fingerprint
translator/        transformers' Speech2Text, and its tokenizer
front/             what turns rows into features: a network for pictures, or the scale of poses
poses/             the network that finds keypoints, where no estimator does
training/          checkpoints, metrics.jsonl, texts to look at
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from signvip.data.manifest import Manifest
from signvip.errors import MismatchError, RunError, SignVipError
from signvip.run import Run
from signvip.storage import fits
from signvip.storage.json_files import parse_json
from signvip.storage.loading import load_part
from signvip_lab.backtranslation import poses
from signvip_lab.backtranslation.config import BackTranslatorConfig, parse_back_translator_config
from signvip_lab.backtranslation.networks import (
    FeatureScale,
    FrameNet,
    PoseReader,
    SignTranslator,
    load_network,
)
from signvip_lab.backtranslation.phases import READ_TOGETHER
from signvip_lab.backtranslation.true_clips import CODEC, through_codec, to_pictures

ABOUT = "evaluator.json"
AGAIN = "train it again: signvip train-back-translator --fresh"
MOST_BEAMS = 64  # a training tries up to 8
PARTS = ("translator", "tokenizer", "front", "poses")


class BackTranslator:
    """Frozen: its weights are those of its fingerprint, or it does not open."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self.folder, self.about = folder, about
        self.config = parse_back_translator_config(about["config"])
        _check_about(about)
        self.tokenizer: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(
            folder / "tokenizer"
        )
        front: FrameNet | FeatureScale
        if self.modality == "video":
            front, width = load_part(folder / "front", FrameNet, AGAIN), self.config.frames.width
        else:
            front, width = load_part(folder / "front", FeatureScale, AGAIN), poses.WIDTH
        if front.config.width != width:
            raise ValueError("its front has another width than its configuration says")
        network = load_network(folder / "translator", self.config.translator, width, self.tokenizer)
        self.module = SignTranslator(front, network).eval()
        self.extractor = open_extractor(self.config, folder)

    @classmethod
    def open(cls, folder: Path) -> BackTranslator:
        """Read a finished back-translator; RunError where there is none, MismatchError where it is not what it was."""
        folder = Path(folder)
        again = f"train it with: signvip train-back-translator --out {folder}"
        try:
            about = parse_json((folder / ABOUT).read_text(encoding="utf-8"))
            fingerprint = about["fingerprint"]
        except FileNotFoundError:
            raise RunError(f"There is no finished back-translator in {folder}; {again}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{folder / ABOUT} is damaged; {again} --fresh") from error
        found = fingerprint_of(folder)
        if found != fingerprint:
            raise MismatchError(
                f"{folder} has other weights than those that were frozen ({found}, not {fingerprint}); "
                f"restore them, or {again} --fresh"
            )
        try:
            return cls(folder, about)
        except SignVipError:
            raise
        except Exception as error:  # transformers, diffusers and safetensors each have errors of their own
            raise RunError(f"{folder} cannot be read ({type(error).__name__}); {again} --fresh") from error

    @property
    def modality(self) -> str:
        return self.config.modality

    @property
    def signature(self) -> str:
        """Return what numbers must have in common to be compared with this back-translator's."""
        return (
            f"read by {self.modality} evaluator {self.about['fingerprint']} ({self.config.preset}, "
            f"{self.about['extractor']}, beams={self.about['beams']}, trained on {self.about['n']['train']} true clips)"
        )

    def check(self, shards: Manifest) -> None:
        """Refuse clips that this back-translator was not trained to read; MismatchError says which trait differs."""
        corpus = self.config.corpus
        have = {
            "dataset": (corpus["dataset"], shards.dataset),
            "frame size": (_size(corpus["size"]), _size(shards.size)),
            "frame rate": (f"{corpus['fps']:g} fps", f"{shards.fps:g} fps"),
            "codec": (corpus["codec"], CODEC),
            "extractor": (self.about["extractor"], describe_extractor(self.config, self.folder)),
        }
        for trait, (mine, theirs) in have.items():
            if mine != theirs:
                raise MismatchError(
                    f"{self.folder} was trained with another {trait} ({mine}) than these clips have ({theirs}), and "
                    "would measure the difference; train one on their ground truth with: signvip train-back-translator "
                    f"--modality {self.modality}"
                )

    def to(self, device: torch.device) -> BackTranslator:
        """Move it to where frames are made."""
        self.module.to(device)
        if isinstance(self.extractor, PoseReader):
            self.extractor.to(device)
        return self

    def keypoints(self, frames: np.ndarray) -> np.ndarray:
        """Find keypoints (F, 128, 3) in frames (F, H, W, 3) uint8; MismatchError unless its modality is pose."""
        extract = as_extractor(self.extractor)
        if extract is None:
            raise MismatchError(
                f"{self.folder} reads pictures and finds no keypoints; use one of modality pose."
            )
        return extract(frames)

    def rows(self, frames: np.ndarray) -> Tensor:
        """Return what the translator reads of frames (F, H, W, 3) uint8."""
        return to_rows(self.extractor, frames)

    def read(self, videos: Sequence[np.ndarray], languages: Sequence[str]) -> list[str]:
        """Read one text per video (F, H, W, 3) uint8, in the language asked for; an empty one without frames."""
        texts = [""] * len(videos)
        filled = [place for place, frames in enumerate(videos) if len(frames)]
        for first in range(0, len(filled), READ_TOGETHER):
            places = filled[first : first + READ_TOGETHER]
            parts = [self.rows(videos[place]) for place in places]
            lengths = torch.tensor([len(part) for part in parts])
            written = self.module.write(
                torch.cat(parts).to(self.module.network.device), lengths, [languages[place] for place in places],
                self.tokenizer, self.about["beams"], self.config.translator.max_words,
            )  # fmt: skip
            for place, text in zip(places, written, strict=True):
                texts[place] = text
        return texts

    def read_generated(self, videos: Sequence[np.ndarray], languages: Sequence[str]) -> list[str]:
        """Read the same for frames that no codec has touched yet: true clips come out of one."""
        fps = self.config.corpus["fps"]
        return self.read([through_codec(v, fps) if len(v) else v for v in videos], languages)


Extractor = PoseReader | poses.Extractor | None


def open_extractor(config: BackTranslatorConfig, folder: Path) -> Extractor:
    """Open what finds keypoints; None for video, whose network reads pictures itself."""
    if config.modality == "video":
        return None
    if config.estimator is not None:
        return poses.estimated(config.estimator, config.corpus["fps"])
    return load_part(folder / "poses", PoseReader, AGAIN).eval()


def describe_extractor(config: BackTranslatorConfig, folder: Path) -> str:
    """Return the extractor by name and by what decides its results."""
    if config.modality == "video":
        return f"pictures at {_size(config.frames.size)}"
    if config.estimator is not None:
        return f"keypoints by {poses.describe_estimator(config.estimator)}"
    return f"keypoints by a network {run_of(config, folder).fingerprint('poses')}"


def _check_about(about: Mapping[str, Any]) -> None:
    """Refuse numbers that no training writes (ValueError): reading with them would give nonsense, or never end."""
    counts = {"beams": about["beams"], "n": about["n"]["train"]}
    wrong = [name for name, count in counts.items() if type(count) is not int or count < 1]
    if wrong or about["beams"] > MOST_BEAMS or not isinstance(about["extractor"], str):
        raise ValueError(f"{wrong[0] if wrong else 'beams'} is not what a training writes")


def as_extractor(extractor: Extractor) -> poses.Extractor | None:
    """Return a function of frames, whether a network or an estimator finds keypoints; None where nothing does."""
    return poses.learned(extractor) if isinstance(extractor, PoseReader) else extractor


def to_rows(extractor: Extractor, frames: np.ndarray) -> Tensor:
    """Turn frames (F, H, W, 3) uint8 into pictures or features of their poses."""
    extract = as_extractor(extractor)
    if extract is None:
        return to_pictures(frames)
    return torch.from_numpy(poses.normalise(extract(frames), frames.shape[1:3]))


def fingerprint_of(folder: Path) -> str:
    """Return the fingerprint of all weights, sizes and words of a back-translator."""
    return fits.fingerprint(folder, *PARTS)


def run_of(config: BackTranslatorConfig, folder: Path) -> Run:
    """Return the folder as a run: phases, parts and fingerprints are those of any other run."""
    return Run(folder, cast(Any, config))


def _size(size: Sequence[int]) -> str:
    return f"{size[0]}x{size[1]}"
