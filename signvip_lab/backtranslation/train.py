"""`train_back_translator`: a translator of signing, trained on ground truth alone, chosen on dev, then frozen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import signvip
from signvip.config import BOOKKEEPING
from signvip.data.manifest import Manifest
from signvip.data.stamps import digest
from signvip.errors import DataError, MismatchError
from signvip.progress import Reporter, Silent
from signvip.registry import drawing
from signvip.run import Run
from signvip.stages import Loop, PhaseKey
from signvip.storage.files import write_text
from signvip.storage.locks import locked
from signvip.storage.processes import is_main, wait
from signvip.training.seeds import step_seed
from signvip_lab.backtranslation import poses
from signvip_lab.backtranslation.back_translator import (
    ABOUT,
    BackTranslator,
    Extractor,
    describe_extractor,
    fingerprint_of,
    open_extractor,
    run_of,
    to_rows,
)
from signvip_lab.backtranslation.config import BackTranslatorConfig
from signvip_lab.backtranslation.networks import (
    FeatureScale,
    FrameNet,
    PoseReader,
    SignTranslator,
    build_network,
)
from signvip_lab.backtranslation.oracle import oracle_texts
from signvip_lab.backtranslation.phases import PosePhase, Rows, TextPhase
from signvip_lab.backtranslation.true_clips import TrueClips, describe
from signvip_lab.backtranslation.vocabulary import build_tokenizer

BEAMS = (1, 2, 4, 8)  # tried on dev
POSES = PhaseKey("poses", ("frames", "corpus", "seed"))
SECTIONS = ("modality", "estimator", "frames", "translator", "gloss_weight", "corpus", "seed")
TEXTS_UNREAD = tuple({*BOOKKEEPING} - {"validate_every"})  # the best weights are kept when dev is read


def train_back_translator(
    config: BackTranslatorConfig,
    *,
    shards: Path,
    out: Path,
    resume: bool = True,
    reporter: Reporter | None = None,
) -> BackTranslator:
    """Train a back-translator in a folder; started again, it goes on where it stopped.

    DataError where the shards hold generated clips, or no poses where poses are to be learned.
    """
    reporter = reporter if reporter is not None and is_main() else Silent()
    with (
        locked(out, option="--out", say=reporter.say),
        locked(shards, "read", option="--shards", say=reporter.say),
    ):
        return _train(config, shards, out, resume, reporter)


def _train(
    config: BackTranslatorConfig, shards: Path, out: Path, resume: bool, reporter: Reporter
) -> BackTranslator:
    _refuse_another(out, config)
    config = config.model_copy(update={"corpus": describe(shards)})
    Manifest.read(shards).check_video(shards, "train-back-translator")
    train, dev = TrueClips(shards, "train"), TrueClips(shards, "dev")
    run, loop = run_of(config, out), Loop(resume, reporter, shards)
    if learns_poses(config, train, dev):
        _train_poses(run, config, train, dev, loop)
    extractor = open_extractor(config, out)
    key = PhaseKey("texts", SECTIONS, ("poses",) if run.has("poses") else (), TEXTS_UNREAD)
    finished = loop.finished(run, key, config.texts)
    if finished and (out / ABOUT).is_file():
        return BackTranslator.open(out)
    (out / ABOUT).unlink(
        missing_ok=True
    )  # whatever happens from here on, the old numbers are not of these weights
    phase = _text_phase(run, config, (train, dev), extractor, reporter)
    if not finished:
        loop.run_phase(run, key, phase, config.texts)
    step = phase.take_best(run.phase(key.name))
    for part, value in (
        ("translator", phase.module.network), ("front", phase.module.front), ("tokenizer", phase.tokenizer),
    ):  # fmt: skip
        run.save(part, value)
    if is_main():
        _freeze(run, config, phase, step, shards, reporter)
    loop.finish(run, key, config.texts)
    wait()
    return BackTranslator.open(out)


def learns_poses(config: BackTranslatorConfig, train: TrueClips, dev: TrueClips) -> bool:
    """Say whether a network learns keypoints first: to read poses with, or to start from for video."""
    known = train.index.has_keypoints and dev.index.has_keypoints
    if config.modality == "video":
        return known and config.frames.start == "poses"
    if config.estimator is None and not known:
        how = drawing("keypoints")
        raise DataError(
            f"{train.index.folder} has no poses to learn from; make it with: signvip preprocess {how}, or "
            "name what finds them with --estimator."
        )
    return config.estimator is None


def _train_poses(
    run: Run, config: BackTranslatorConfig, train: TrueClips, dev: TrueClips, loop: Loop
) -> None:
    if loop.finished(run, POSES, config.poses):
        return
    torch.manual_seed(step_seed(config.seed, POSES.name, -1))
    frames = config.frames
    reader = PoseReader(frames.size, frames.channels, frames.width)
    reader.fit(torch.from_numpy(np.concatenate([train.keypoints(clip) for clip in range(len(train))])))
    phase = PosePhase(config, train, dev, reader)
    loop.run_phase(run, POSES, phase, config.poses)
    run.save("poses", reader)
    loop.finish(run, POSES, config.poses)


def _text_phase(
    run: Run,
    config: BackTranslatorConfig,
    clips: tuple[TrueClips, TrueClips],
    extractor: Extractor,
    reporter: Reporter,
) -> TextPhase:
    train = clips[0]
    torch.manual_seed(step_seed(config.seed, "texts", -1))
    tokenizer = build_tokenizer(train.texts, train.languages)
    if extractor is None:
        frames = config.frames
        front: FrameNet | FeatureScale = FrameNet(frames.size, frames.channels, frames.width)
        if run.has("poses"):
            front.load_state_dict(run.load("poses", PoseReader).frames.state_dict())
        width = frames.width
        rows: list[Rows] = [_pictures(split) for split in clips]
    else:
        described = describe_extractor(config, run.path)
        features = [
            _features(run, f"{name}-{digest([described, split.digest])}", split, extractor, reporter)
            for name, split in zip(("train", "dev"), clips, strict=True)
        ]
        front, width = FeatureScale(poses.WIDTH), poses.WIDTH
        front.fit(torch.from_numpy(np.concatenate(features[0])))
        rows = [_stored(split) for split in features]
    glosses = _glosses(train) if config.gloss_weight else []
    network = build_network(config.translator, width, tokenizer)
    module = SignTranslator(front, network, glosses, config.gloss_weight)
    return TextPhase(config, clips, (rows[0], rows[1]), module, tokenizer, glosses, reporter)


def _features(
    run: Run, name: str, clips: TrueClips, extractor: Extractor, reporter: Reporter
) -> list[np.ndarray]:
    path = run.path / "training" / "features" / f"{name}.npz"
    with reporter.task("features", len(clips)) as task:
        return poses.cached(
            path, len(clips), lambda clip: to_rows(extractor, clips.frames(clip)).numpy(), task.advance
        )


def _pictures(clips: TrueClips) -> Rows:
    return lambda clip: to_rows(None, clips.frames(clip))


def _stored(features: Sequence[np.ndarray]) -> Rows:
    return lambda clip: torch.from_numpy(features[clip])


def _glosses(train: TrueClips) -> list[str]:
    """Return all glosses of the split, none where a clip has none."""
    lines = [train.glosses(clip) for clip in range(len(train))]
    return sorted({gloss for line in lines for gloss in line}) if all(lines) else []


def _freeze(
    run: Run, config: BackTranslatorConfig, phase: TextPhase, step: int, shards: Path, reporter: Reporter
) -> None:
    """Choose how many beams on dev, and write what this back-translator is."""
    phase.module.eval()
    found = {}
    with reporter.task("beams", len(BEAMS)) as task:
        for beams in BEAMS:
            found[beams] = _scores(phase.write(beams), phase.dev.texts)
            task.advance(bleu4=found[beams]["bleu4"])
    beams = max(found, key=lambda beams: (found[beams]["bleu4"], found[beams]["chrf"], -beams))
    known = oracle_texts(shards, phase.dev.infos)
    about = {
        "config": config.model_dump(mode="json"),
        "trained_on": "ground truth",
        "extractor": describe_extractor(config, run.path),
        "normalisation": poses.NORMALISATION if config.modality == "pose" else "batch normalisation",
        "n": {"train": len(phase.train), "dev": len(phase.dev)},
        "step": step,
        "beams": beams,
        "dev": found[beams],
        "oracle": _scores(known, phase.dev.texts) if known is not None else None,
        "signature": signvip.build("metric", "bleu").signature,
        "fingerprint": fingerprint_of(run.path),
        "signvip": signvip.__version__,
    }
    write_text(run.path / ABOUT, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def _scores(texts: list[str], truth: list[str]) -> dict[str, float]:
    return {
        name: value
        for metric in ("bleu", "rouge_l", "chrf")
        for name, value in signvip.build("metric", metric)(texts, truth).items()
    }


def _refuse_another(out: Path, config: BackTranslatorConfig) -> None:
    path = out / ABOUT
    stored: Any = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    modality = stored.get("config", {}).get("modality", config.modality)
    if modality != config.modality:
        raise MismatchError(
            f"{out} holds a back-translator of {modality}; choose another folder with --out for {config.modality}."
        )
