"""`demo`: what comes out, on signers and sentences of the embedded corpus that training never saw."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

import signvip
from signvip.config import load_config
from signvip.data.counting import STILL, counting
from signvip.data.executors import TIME_LIMIT, Processes
from signvip.data.preprocess import preprocess
from signvip.data.provenance import NOTICE, png_notice
from signvip.data.sample import Recipe
from signvip.data.sheet import contact_sheet, spread
from signvip.data.video import VideoWriter
from signvip.generate import GenerateOptions, embedded_run, load_pipeline
from signvip.progress import Reporter, Silent
from signvip.run import Run
from signvip.stages.clips import Clips
from signvip_lab.evaluation.chain import (
    Chain,
    Row,
    Sample,
    picture_rows,
    picture_scores,
    pose_rows,
    reconstruction,
    shuffled,
    stills,
    token_rows,
    translation_rows,
    without,
    wrist_reader,
)
from signvip_lab.evaluation.material import REBUILT
from signvip_lab.evaluation.report import write_report

if TYPE_CHECKING:
    from signvip.config import RunConfig

PROBE_CLIPS = {"train": 32, "dev": 6}  # what a probe is fitted on where the run has no pose head
SHEET_FRAMES = 8
MADE = ("generated from the text", "from the true conditions")  # by a model, and marked so
GOALS = {
    ("hand_ssim", REBUILT): f"above {STILL}",
    ("face_ssim", REBUILT): f"above {STILL}",
    ("psnr", REBUILT): f">= 20, and above {STILL}",
    ("ssim", REBUILT): f">= 0.75, and above {STILL}",
}
NEXT = 'signvip generate "tomorrow it will rain in the north" {portrait}'


def demo(
    out: Path, *, reporter: Reporter | None = None, clips: int = 3, train: bool = False, full: bool = False
) -> Path:
    """Generate `clips` videos beside their ground truth and write `report.html`; returns its path.

    `train` runs the whole chain from nothing first; `full` measures every number on all clips, not on the few shown.
    """
    reporter = reporter or Silent()
    seconds: dict[str, float] = {}
    out.mkdir(parents=True, exist_ok=True)
    run = Run.open(_train(out, reporter) if train else embedded_run())
    shards = out / "test-shards"
    with _timed(seconds, "corpus and shards"):
        probed = {} if run.has("pose_head") else PROBE_CLIPS
        reader = _corpus(run.config, shards, {"train": 0, "dev": 0, **probed, "test": clips}, reporter)
    with _timed(seconds, "load the model"):
        pipe = load_pipeline(str(run.path), GenerateOptions())
        chain = Chain(run, pipe, Clips(shards, "test", run.config))
    references = [reader.portrait(str(chain.clips.info(clip)["signer"])) for clip in range(len(chain.clips))]
    with _timed(seconds, "videos"), reporter.task("generate", clips) as task:
        samples = []
        for clip in range(clips):
            samples.append(_sample(chain, clip, references[clip]))
            task.advance()
    with _timed(seconds, "numbers"):
        rows = _rows(chain, shards, samples, references, full)
    (out / "results.json").write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    _sheet(samples).save(out / "sheet.png", pnginfo=png_notice())
    files = [_write(out, sample, run.config.fps) for sample in samples]
    picture = out / "reference-0.png"
    return write_report(
        out / "report.html",
        "SignViP: signers and sentences that training never saw",
        NOTICE,
        [(f"“{sample.text}” ({sample.signer})", found) for sample, found in zip(samples, files, strict=True)],
        rows,
        seconds,
        NEXT.format(portrait=picture),
    )


def _corpus(config: RunConfig, shards: Path, counts: dict[str, int], reporter: Reporter) -> Any:
    options: dict[str, Any] = {"size": config.size, "fps": config.fps, **counts}
    reader = signvip.build("dataset", "toysign", **options)
    with reporter.task("corpus and shards", sum(counts.values())) as task:
        preprocess(
            Recipe.of(reader, config), shards, executor=Processes(2, TIME_LIMIT),
            progress=lambda done, total: task.advance(),
        )  # fmt: skip
    return reader


def _train(out: Path, reporter: Reporter) -> Path:
    """The seven commands of the README, in a folder of their own."""
    from signvip.derive import encode, tokenize
    from signvip.stages import train

    config, shards, run = load_config("tiny"), out / "shards", out / "run"
    reader = signvip.build("dataset", "toysign", size=config.size, fps=config.fps)
    with reporter.task(
        "preprocess", sum(len(reader.ids(split)) for split in ("train", "dev", "test"))
    ) as task:
        preprocess(
            Recipe.of(reader, config), shards, executor=Processes(2, TIME_LIMIT),
            progress=lambda done, total: task.advance(),
        )  # fmt: skip
    train(config, 1, shards=shards, run=run, reporter=reporter)
    encode(shards, shards, run=run, reporter=reporter)
    train(config, 2, shards=shards, run=run, reporter=reporter)
    tokenize(shards, shards, run=run, reporter=reporter)
    return train(config, 3, shards=shards, run=run, reporter=reporter)


def _sample(chain: Chain, clip: int, reference: np.ndarray) -> Sample:
    info = chain.clips.info(clip)
    drawn = chain.clips.conditions(clip)
    begin = time.perf_counter()
    generated, tokens = chain.generate(info["text"], reference, seed=clip)
    seconds = time.perf_counter() - begin
    pictures = drawn.unflatten(1, (-1, 3)).permute(0, 3, 1, 4, 2).flatten(2, 3)  # (F, H, K*W, 3)
    return Sample(
        clip=clip,
        text=info["text"],
        signer=str(info["signer"]),
        reference=reference,
        truth=chain.truth(clip),
        conditions=pictures.numpy(),
        rebuilt=chain.video(chain.embed(drawn), reference, seed=clip),
        generated=generated,
        tokens=tokens,
        seconds=seconds,
    )


def _rows(
    chain: Chain, shards: Path, samples: list[Sample], references: list[np.ndarray], full: bool
) -> list[Row]:
    cases = {
        REBUILT: [picture_scores(chain, s.clip, s.rebuilt, s.reference) for s in samples],
        STILL: stills(chain, [s.clip for s in samples], [s.reference for s in samples]),
    }
    counts = np.concatenate([counting(s.truth, s.reference) for s in samples])
    seconds = float(np.mean([s.seconds / len(s.tokens) for s in samples]))
    rows = [
        *picture_rows(cases, GOALS),
        Row(
            "share of the frames that count, for they are not the reference",
            float(counts.mean()),
            len(counts),
        ),
        Row("seconds a frame", seconds, len(samples)),
    ]
    if full:
        rows += _contrasts(chain, references)
    picks = range(len(chain.clips))
    made = chain.pipe.translate([chain.clips.info(pick)["text"] for pick in picks])
    rows += token_rows(chain, picks)
    rows += translation_rows(chain, picks, made, wrist_reader(chain, shards))
    return rows + pose_rows(chain, picks, made)


def _contrasts(chain: Chain, references: list[np.ndarray]) -> list[Row]:
    swapped = references[1:] + references[:1]
    hand3d = list(chain.run.config.conditions).index("hand3d")
    cases = {
        "as it is": reconstruction(chain, references),
        "another signer's reference": reconstruction(chain, references, swapped),
        "conditions shuffled in time": reconstruction(chain, references, spoil=shuffled),
        "without hand3d": reconstruction(chain, references, spoil=without(hand3d)),
    }
    return picture_rows(cases, {})


def _write(out: Path, sample: Sample, fps: float) -> dict[str, Path]:
    """Store the videos of one sample; returns them by caption."""
    picture = out / f"reference-{sample.clip}.png"
    Image.fromarray(sample.reference).save(picture)
    files = {"reference picture": picture}
    videos = {
        MADE[0]: sample.generated,
        "ground truth": sample.truth,
        MADE[1]: sample.rebuilt,
        "true conditions": sample.conditions,
    }
    for caption, frames in videos.items():
        files[caption] = out / f"{caption.replace(' ', '-')}-{sample.clip}.mp4"
        comment = NOTICE if caption in MADE else None
        with VideoWriter(files[caption], fps, comment=comment) as video:
            video.write(frames)
    return files


def _sheet(samples: list[Sample]) -> Image.Image:
    """Reference and frames of each sample, generated above true; each row spread over its own length."""
    rows = []
    for sample in samples:
        for frames in (sample.generated, sample.truth):
            rows.append([sample.reference, *(frames[pick] for pick in spread(len(frames), SHEET_FRAMES))])
    return contact_sheet(rows, ["from the text", "truth"] * len(samples), scale=2)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begin
