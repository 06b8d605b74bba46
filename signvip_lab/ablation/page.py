"""The page of an ablation: the finding, clips side by side, figures, a table that sorts, claims and notes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from signvip.data.decoding import opened
from signvip.data.provenance import NOTICE
from signvip_lab.ablation.best import finding
from signvip_lab.ablation.clips import FOLDER
from signvip_lab.ablation.goals import Verdict
from signvip_lab.ablation.records import Record
from signvip_lab.ablation.study import Study
from signvip_lab.ablation.summary import Summary
from signvip_lab.ablation.tables import for_page
from signvip_lab.evaluation.making import TRUTH
from signvip_lab.pages.contents import Figure, Pane, Row
from signvip_lab.pages.rendering import write_page


def write_report_page(
    out: Path,
    study: Study,
    summary: Summary,
    records: Sequence[Record],
    figures: Sequence[Figure],
    verdicts: Sequence[Verdict],
    notes: Sequence[str],
    command: str,
    about: str,
) -> Path:
    """Write `report.html`; returns its path."""
    paper = f"; {study.paper} of the paper varies the same" if study.paper else ""
    return write_page(
        out / "report.html",
        "ablation",
        title=study.title,
        about=about + paper,
        finding=finding(summary, verdicts),
        notice=NOTICE,
        rows=list(clip_rows(out, records)),
        figures=figures,
        table=for_page(summary, f"{study.title}: a line for cells that differ in their seed alone"),
        claims=[str(verdict) for verdict in verdicts],
        notes=notes,
        command=command,
    )


def clip_rows(out: Path, records: Sequence[Record]) -> Iterator[Row]:
    """Yield a row for each clip and each way to make it: its truth, then what every cell made of it."""
    made: dict[tuple[str, str], list[Pane]] = {}
    for record in records:
        name = " ".join(f"{axis}={label}" for axis, label in record.labels.items()) or "as it is"
        for path in sorted((out / "cells" / record.cell / FOLDER).glob("*.mp4")):
            number, _, row = path.stem.partition(" ")
            made.setdefault((number, row), []).append(Pane(name, path))
    truths = {number: Pane("Truth", panes[0].file) for (number, row), panes in made.items() if row == TRUTH}
    for (number, row), panes in sorted(made.items()):
        if row == TRUTH:
            continue
        shown = [truths[number], *panes] if number in truths else panes
        lengths = [_length(pane.file) for pane in shown]
        fps, frames = lengths[0][0], max(count for _, count in lengths)
        yield Row(f"Clip {int(number) + 1}, {row}", f"{frames} frames", fps, frames, shown)


def _length(file: Path) -> tuple[float, int]:
    """Return frames a second and the number of frames of a video that this package wrote."""
    with opened(file) as (_, stream):
        return float(stream.average_rate or 0) or 1.0, stream.frames
