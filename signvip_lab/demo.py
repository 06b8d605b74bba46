"""`demo`: what comes out, on signers and sentences that training never saw, measured as `evaluate` does."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

import signvip
from signvip.config import RunConfig, load_config
from signvip.data.executors import Processes
from signvip.data.provenance import NOTICE, png_notice
from signvip.data.sample import Recipe
from signvip.data.sheet import contact_sheet, spread
from signvip.data.tasks import TIME_LIMIT
from signvip.generate import GenerateOptions, embedded_run
from signvip.progress import Reporter, Silent
from signvip.run import Run
from signvip.stages.prepare import make_shards
from signvip_lab.demo_rows import write_row
from signvip_lab.evaluation import results, shown
from signvip_lab.evaluation.chain import Chain
from signvip_lab.evaluation.evaluate import EvaluateOptions, measure
from signvip_lab.evaluation.finding import finding
from signvip_lab.evaluation.making import GENERATED, TRUTH, Made
from signvip_lab.evaluation.results import Evaluation
from signvip_lab.pages.contents import Cell, Column, Row, Table
from signvip_lab.pages.rendering import write_page
from signvip_lab.pages.words import lasting

DATASET = "toysign"
PROBE_CLIPS = {"train": 32, "dev": 6}  # what a probe of wrists is fitted on where the run has no pose head
METRICS = (
    "hand_ssim", "face_ssim", "psnr", "ssim", "mpjpe", "finger_error", "face_error", "length_ratio", "codebook",
    "reconstruction", "seconds_per_frame",
)  # fmt: skip
TITLE = "Generated signing: signers and sentences that training never saw"
NEXT = 'signvip generate "tomorrow it will rain in the north" {portrait}'
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
    shards, made_rows = out / "test-shards", list[tuple[Made, Row]]()
    with _timed(seconds, "clips and shards"):
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
            show=lambda made: made_rows.append((made, write_row(out, chain, made))),
        )
    _sheet([made for made, _ in made_rows]).save(out / "sheet.png", pnginfo=png_notice())
    rows = [row for _, row in made_rows]
    page = _write_page(out, rows, numbers, seconds)
    return Demo(page, [pane.file for row in rows for pane in row.panes], numbers)


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


def _write_page(out: Path, rows: Sequence[Row], numbers: Evaluation, seconds: Mapping[str, float]) -> Path:
    drawn = shown.figure(numbers)
    return write_page(
        out / "report.html",
        "demo",
        title=TITLE,
        about=_about(numbers.about, seconds),
        finding=finding(numbers),
        notice=NOTICE,
        rows=rows,
        figures=[drawn] if drawn else [],
        tables=[*shown.tables(numbers), _times(seconds)],
        notes=[
            *results.notes(numbers),
            *results.signatures(numbers),
            *results.reasons(numbers.left_out),
            *numbers.remarks,
        ],
        next_line=NEXT.format(portrait=rows[0].reference),
    )


def _about(about: Mapping[str, Any], seconds: Mapping[str, float]) -> str:
    """Say what was run, on what and how long, in one line."""
    height, width = about["size"]
    return (
        f"Model {about['run']} ({about['fingerprint']}), SignViP {about['signvip']}; {about['clips']} clips of "
        f"{DATASET}, {about['split']} split, {width} by {height} pixels at {about['fps']:g} frames a second; "
        f"{about['steps']} sampling steps on {about['device']}; {lasting(sum(seconds.values()))} in all"
    )


def _times(seconds: Mapping[str, float]) -> Table:
    return Table(
        "seconds",
        "What took how long",
        [Column("step", numbers=False), Column("time", "s")],
        [[Cell(step), Cell(f"{value:.1f}", value)] for step, value in seconds.items()],
    )


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
