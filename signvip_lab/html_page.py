"""One HTML page without external files: each generated clip beside its ground truth, and the numbers."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from signvip.storage.files import write_text
from signvip_lab.evaluation import results
from signvip_lab.evaluation.results import Evaluation

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
figure { display: inline-block; margin: 0 .8rem .8rem 0; vertical-align: top }
figcaption { font-size: .85rem; color: #555 }
video, img { height: 192px; image-rendering: pixelated; border-radius: 6px; background: #000 }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { padding: .3rem .9rem .3rem 0; text-align: left; border-bottom: 1px solid #ddd }
pre { background: #f4f4f4; padding: .8rem; border-radius: 6px; overflow-x: auto }
.notice { border-left: 4px solid #c60; padding-left: .8rem }
"""


def write_report(
    path: Path,
    title: str,
    notice: str,
    clips: Sequence[tuple[str, Mapping[str, Path]]],
    numbers: Evaluation,
    timings: Mapping[str, float],
    next_line: str,
) -> Path:
    """Write the page; `clips` are (heading, {caption: mp4 or png}) and all files are embedded."""
    body = [f"<h1>{escape(title)}</h1>", f'<p class="notice">{escape(notice)}</p>']
    for heading, files in clips:
        figures = "".join(figure(caption, file) for caption, file in files.items())
        body.append(f"<h2>{escape(heading)}</h2>{figures}")
    lines = results.table(numbers)
    body.append("<h2>Numbers</h2><pre>" + escape("\n".join(lines)) + "</pre>")
    body.append(
        "<h2>Seconds</h2>" + table(("step", "seconds"), [(k, f"{v:.1f}") for k, v in timings.items()])
    )
    body.append(f"<h2>What to type next</h2><pre>{escape(next_line)}</pre>")
    return write_page(path, title, body)


def write_page(path: Path, title: str, body: Sequence[str]) -> Path:
    """Write a page of these pieces of HTML, whole or not at all."""
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    write_text(path, page + "\n".join(body) + "</html>\n")
    return path


def figure(caption: str, file: Path) -> str:
    """Return an mp4 or a png with its caption, embedded."""
    data = base64.b64encode(file.read_bytes()).decode()
    if file.suffix == ".mp4":
        media = f'<video src="data:video/mp4;base64,{data}" autoplay loop muted playsinline controls></video>'
    else:
        media = f'<img src="data:image/png;base64,{data}" alt="{escape(caption)}">'
    return f"<figure>{media}<figcaption>{escape(caption)}</figcaption></figure>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table of words."""
    lines = ["".join(f"<th>{escape(name)}</th>" for name in head)]
    lines += [
        "".join(f'<td class="{"number" if i else ""}">{escape(cell)}</td>' for i, cell in enumerate(row))
        for row in rows
    ]
    return "<table>" + "".join(f"<tr>{line}</tr>" for line in lines) + "</table>"
