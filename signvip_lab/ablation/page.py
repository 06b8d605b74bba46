"""One HTML page of an ablation without external files: the table, figures, claims, and clips side by side."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path

from signvip.data.provenance import NOTICE
from signvip_lab.ablation.clips import FOLDER
from signvip_lab.ablation.goals import Verdict
from signvip_lab.ablation.records import Record
from signvip_lab.ablation.study import Study
from signvip_lab.ablation.summary import Summary
from signvip_lab.ablation.tables import html
from signvip_lab.evaluation.making import TRUTH
from signvip_lab.html_page import figure, write_page

WIDE = "<style>body { max-width: 90rem } img { height: auto; max-width: 100%; image-rendering: auto }</style>"


def write_report_page(
    out: Path,
    study: Study,
    summary: Summary,
    records: Sequence[Record],
    figures: Sequence[Path],
    verdicts: Sequence[Verdict],
    notes: Sequence[str],
    command: str,
) -> Path:
    """Write `report.html`; returns its path."""
    paper = f"<p>{escape(study.paper)} of the paper varies the same.</p>" if study.paper else ""
    body = [WIDE, f"<h1>{escape(study.title)}</h1>", paper, html(summary)]
    if verdicts:
        body.append("<h2>Claims</h2>" + _list([str(verdict) for verdict in verdicts]))
    body += [figure(path.stem, path) for path in figures]
    body += _clips(out, records)
    body.append("<h2>How to read it</h2>" + _list(notes))
    if command:
        body.append(f"<h2>How it was made</h2><pre>{escape(command)}</pre>")
    return write_page(out / "report.html", study.title, body)


def _list(lines: Sequence[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def _clips(out: Path, records: Sequence[Record]) -> list[str]:
    """Return each clip's truth once, then what each cell made of it, by row."""
    found: dict[tuple[str, str], list[tuple[str, Path]]] = {}
    for record in records:
        for path in sorted((out / "cells" / record.cell / FOLDER).glob("*.mp4")):
            number, _, row = path.stem.partition(" ")
            name = " ".join(f"{axis}={label}" for axis, label in record.labels.items()) or "as it is"
            shown = found.setdefault((number, row), [])
            if row != TRUTH or not shown:
                shown.append((TRUTH if row == TRUTH else name, path))
    if not found:
        return []
    body = ["<h2>Clips</h2>", f'<p class="notice">{escape(NOTICE)}</p>']
    for (number, row), clips in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] != TRUTH)):
        body.append(f"<h3>Clip {int(number) + 1}, {escape(row)}</h3>")
        body += [figure(name, path) for name, path in clips]
    return body
