"""`demo`: what comes out, on signers and sentences that training never saw, measured as `evaluate` does."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import signvip
from signvip.config import RunConfig, load_config
from signvip.data.executors import TIME_LIMIT, Processes
from signvip.data.provenance import NOTICE, png_notice
from signvip.data.sample import Recipe
from signvip.data.sheet import contact_sheet, spread
from signvip.data.video import write_video
from signvip.generate import GenerateOptions, embedded_run
from signvip.origin.record import Origin
from signvip.origin.writing import write_generated
from signvip.progress import Reporter, Silent
from signvip.run import Run
from signvip.stages.prepare import make_shards
from signvip_lab.evaluation.chain import Chain
from signvip_lab.evaluation.evaluate import EvaluateOptions, measure
from signvip_lab.evaluation.making import GENERATED, REBUILT, TRUTH, Made
from signvip_lab.evaluation.results import Evaluation
from signvip_lab.html_page import write_report

DATASET = "toysign"
PROBE_CLIPS = {"train": 32, "dev": 6}  # what a probe of wrists is fitted on where the run has no pose head
METRICS = (
    "hand_ssim", "face_ssim", "psnr", "ssim", "mpjpe", "finger_error", "face_error", "length_ratio", "codebook",
    "reconstruction", "seconds_per_frame",
)  # fmt: skip
TITLE = "SignViP: signers and sentences that training never saw"
NEXT = 'signvip generate "tomorrow it will rain in the north" {portrait}'
# What is written of each clip: the name of a file, and the row of the numbers that it belongs to.
VIDEOS = {
    "generated from the text": GENERATED,
    "ground truth": TRUTH,
    "from the true conditions": REBUILT,
}
CONDITIONS, REFERENCE = "true conditions", "reference picture"
SHEET_FRAMES = 8


@dataclass(frozen=True)
class Demo:
    """A finished demo: a page with everything in it, the videos, and the numbers, which `results.json` holds too."""

    page: Path
    videos: list[Path]
    numbers: Evaluation


def demo(
    out: Path, *, reporter: Reporter | None = None, clips: int = 3, train: bool = False, full: bool = False
) -> Demo:
    """Generate `clips` videos beside their ground truth, and write a page of them with the numbers of these clips.

    `train` runs the whole chain from nothing first; `full` also measures what wrong conditions and references make.
    """
    reporter, seconds = reporter or Silent(), dict[str, float]()
    out.mkdir(parents=True, exist_ok=True)
    run = Run.open(_train(out, reporter) if train else embedded_run())
    shards, shown = out / "test-shards", list[tuple[Made, dict[str, Path]]]()
    with _timed(seconds, "corpus and shards"):
        probed = {} if run.has("pose_head") else PROBE_CLIPS
        _preprocess(run.config, shards, reporter, **{"train": 0, "dev": 0, **probed, "test": clips})
    with _timed(seconds, "load the model"):
        chain = Chain.open(run.path, shards, "test", GenerateOptions())
    with _timed(seconds, "videos and numbers"):
        numbers = measure(
            chain,
            shards,
            out,
            EvaluateOptions(METRICS),
            reporter,
            contrasts=full,
            show=lambda made: shown.append((made, _write(out, chain, made))),
        )
    _sheet([made for made, _ in shown]).save(out / "sheet.png", pnginfo=png_notice())
    page = write_report(
        out / "report.html",
        TITLE,
        NOTICE,
        [(f"“{made.info['text']}” ({made.info['signer']})", files) for made, files in shown],
        numbers,
        seconds,
        NEXT.format(portrait=shown[0][1][REFERENCE]),
    )
    return Demo(
        page, [file for _, files in shown for file in files.values() if file.suffix == ".mp4"], numbers
    )


def _train(out: Path, reporter: Reporter) -> Path:
    """Run the seven commands of the README, in a folder of their own."""
    from signvip.stages import train
    from signvip.stages.derive import encode, tokenize

    config, shards, run = load_config("tiny"), out / "shards", out / "run"
    _preprocess(config, shards, reporter)
    train(config, 1, shards=shards, run=run, reporter=reporter)
    encode(shards, shards, run=run, reporter=reporter)
    train(config, 2, shards=shards, run=run, reporter=reporter)
    tokenize(shards, shards, run=run, reporter=reporter)
    return train(config, 3, shards=shards, run=run, reporter=reporter)


def _preprocess(config: RunConfig, shards: Path, reporter: Reporter, **counts: int) -> None:
    """Write shards of the embedded dataset, with so many clips in each split, or as many as it usually has."""
    reader = signvip.build("dataset", DATASET, size=config.size, fps=config.fps, **counts)
    make_shards(Recipe.of(reader, config), shards, executor=Processes(2, TIME_LIMIT), reporter=reporter)


def _write(out: Path, chain: Chain, made: Made) -> dict[str, Path]:
    """Store the reference picture and the videos of one clip; returns them by caption."""
    files = {REFERENCE: out / f"reference-{made.pick}.png"}
    Image.fromarray(made.reference).save(files[REFERENCE])
    rows = made.videos()
    videos = {caption: rows[row] for caption, row in VIDEOS.items()} | {CONDITIONS: _drawn(chain, made)}
    for caption, frames in videos.items():
        files[caption] = out / f"{caption.replace(' ', '-')}-{made.pick}.mp4"
        if VIDEOS.get(caption) in (GENERATED, REBUILT):
            write_generated(files[caption], frames, chain.run.config.fps, Origin(made.info["text"]))
        else:
            write_video(files[caption], frames, chain.run.config.fps)
    return files


def _drawn(chain: Chain, made: Made) -> np.ndarray:
    """Return the true conditions of a clip, side by side: (F, H, K*W, 3) uint8."""
    drawn = chain.clips.conditions(made.pick).unflatten(1, (-1, 3))
    return drawn.permute(0, 3, 1, 4, 2).flatten(2, 3).numpy()


def _sheet(clips: list[Made]) -> Image.Image:
    """Draw reference and frames of each clip, generated above true; each row spread over its own length."""
    rows = []
    for made in clips:
        videos = made.videos()
        for frames in (videos[GENERATED], videos[TRUTH]):
            rows.append([made.reference, *(frames[pick] for pick in spread(len(frames), SHEET_FRAMES))])
    return contact_sheet(rows, ["from the text", "truth"] * len(clips), scale=2)


@contextmanager
def _timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    begin = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - begin
