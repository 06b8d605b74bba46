"""Templates to one HTML file: style, scripts, videos and pictures are in it, and it asks the network for nothing."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from signvip.dress import stylesheet
from signvip.storage.files import write_text

HERE = Path(__file__).parent
STYLES, SCRIPTS = ("report.css",), ("rows.js", "tables.js")
TYPES = {".mp4": "video/mp4", ".png": "image/png"}


def write_page(path: Path, template: str, **content: Any) -> Path:
    """Write a page, whole or not at all; all words in `content` are escaped."""
    write_text(path, _environment().get_template(f"{template}.html.jinja").render(**content))
    return path


@cache
def _environment() -> Environment:
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters |= {"embedded": embedded, "csv_address": csv_address}
    # our own files, which no word of a user reaches
    found.globals["style"] = Markup(stylesheet() + "".join(map(_read, STYLES)))
    found.globals["script"] = Markup("".join(map(_read, SCRIPTS)))
    return found


def embedded(file: Path) -> str:
    """Return a video or a picture as an address that holds it."""
    return f"data:{TYPES[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}"


def csv_address(text: str) -> str:
    """Return a table as an address that holds it; a byte order mark lets spreadsheets read UTF-8."""
    return "data:text/csv;charset=utf-8," + quote("\ufeff" + text)


def _read(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
