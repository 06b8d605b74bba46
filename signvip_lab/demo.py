"""`demo`: what comes out, on signers and sentences that training never saw, measured as `evaluate` does."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from signvip.data.provenance import NOTICE, png_notice
from signvip.data.sheet import contact_sheet, spread
from signvip.generate import GenerateOptions, embedded_run
from signvip.progress import Reporter, Silent
from signvip.run import Run
from signvip_lab.demo_rows import write_row
from signvip_lab.demo_run import find_clips, train_chain
from signvip_lab.evaluation import results, shown
from signvip_lab.evaluation.chain import Chain
from signvip_lab.evaluation.evaluate import EvaluateOptions, measure
from signvip_lab.evaluation.finding import finding
from signvip_lab.evaluation.making import GENERATED, TRUTH, Made
from signvip_lab.evaluation.results import Evaluation
from signvip_lab.pages.contents import Cell, Column, Row, Table
from signvip_lab.pages.rendering import write_page
from signvip_lab.pages.words import lasting

METRICS = (
    "hand_ssim", "face_ssim", "psnr", "ssim", "mpjpe", "finger_error", "face_error", "length_ratio", "codebook",
    "reconstruction", "seconds_per_frame",
)  # fmt: skip
TITLE = "Generated signing: signers and sentences that training never saw"
SHEET_FRAMES = 8


@dataclass(frozen=True)
class Demo:
    """A finished demo: a page with everything in it, the videos, and the numbers, which `results.json` holds too."""

    page: Path
    videos: list[Path]
    numbers: Evaluation


def demo(
    out: Path,
    *,
    reporter: Reporter | None = None,
    clips: int = 4,
    train: str | None = None,
    full: bool = False,
) -> Demo:
    """Generate `clips` videos beside their ground truth, and write a page of them with the numbers of these clips.

    `train` names a preset whose whole chain is trained first; `full` also measures what wrong conditions and
    references make.
    """
    reporter, seconds = reporter or Silent(), dict[str, float]()
    out.mkdir(parents=True, exist_ok=True)
    run = Run.open(embedded_run()) if train is None else train_chain(train, out, reporter)
    made_rows = list[tuple[Made, Row]]()
    with _timed(seconds, "clips and shards"):
        shards = find_clips(run, out, clips, reporter)
    with _timed(seconds, "load the model"):
        chain = Chain.open(run.path, shards, "test", GenerateOptions())
    with _timed(seconds, "videos and numbers"):
        numbers = measure(
            chain,
            shards,
            out,
            EvaluateOptions(METRICS, clips=clips),
            reporter,
            contrasts=full,
            show=lambda made: made_rows.append((made, write_row(out, chain, made))),
        )
    clips_made, rows = [made for made, _ in made_rows], [row for _, row in made_rows]
    _sheet(clips_made).save(out / "sheet.png", pnginfo=png_notice())
    page = _write_page(out, clips_made, rows, numbers, chain, seconds)
    return Demo(page, [pane.file for row in rows for pane in row.panes], numbers)


def _write_page(
    out: Path,
    clips: list[Made],
    rows: list[Row],
    numbers: Evaluation,
    chain: Chain,
    seconds: Mapping[str, float],
) -> Path:
    drawn = shown.figure(numbers)
    return write_page(
        out / "report.html",
        "demo",
        title=TITLE,
        about=_about(numbers.about, clips, seconds),
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
        next_line=_next_line(chain, clips[0], rows[0], numbers.about["run"]),
    )


def _next_line(chain: Chain, clip: Made, row: Row, run: str) -> str:
    """Return the command that makes the first clip's text again, with its picture, in its language and by this run."""
    command = ["signvip", "generate", clip.info["text"], str(row.reference), "--run", run]
    language = chain.language(clip.pick)
    return shlex.join([*command, "--language", language] if language else command)


def _about(about: Mapping[str, Any], clips: Sequence[Made], seconds: Mapping[str, float]) -> str:
    """Say what was run, on what and how long, in one line."""
    height, width = about["size"]
    sources = "; ".join(dict.fromkeys(clip.info.get("source") or "of unknown source" for clip in clips))
    return (
        f"Model {about['run']} ({about['fingerprint']}), SignViP {about['signvip']}; {about['clips']} clips of "
        f"the {about['split']} split ({sources}), {width} by {height} pixels at {about['fps']:g} frames a "
        f"second; {about['steps']} sampling steps on {about['device']}; {lasting(sum(seconds.values()))} in all"
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
