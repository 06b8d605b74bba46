"""Tables of corpora: comma, tab or bar separated, or JSON lines; columns by any of their usual names."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path

from signvip.errors import DataError

COLUMNS = {
    "path": ("path", "file", "video", "clip", "filename", "video_path"),
    "text": ("text", "sentence", "translation", "caption"),
    "gloss": ("gloss", "glosses", "orth", "annotation"),
    "signer": ("signer", "speaker", "signer_id", "person"),
    "language": ("language", "sign_language"),
    "text_language": ("text_language", "spoken_language"),
    "split": ("split", "subset", "partition"),
    "start": ("start", "start_realigned", "begin"),
    "end": ("end", "end_realigned", "stop"),
    "source": ("source",),
    "licence": ("licence", "license"),
}
SEPARATORS = "\t|,;"

Row = dict[str, str]


def read_table(path: Path) -> list[Row]:
    """Rows as {column: text}, names as they stand; DataError for a table that cannot be read."""
    try:
        content = path.read_text(encoding="utf-8-sig")
        if path.suffix == ".jsonl":
            return [_words(json.loads(line)) for line in content.splitlines() if line.strip()]
        return _separated(content)
    except FileNotFoundError:
        raise DataError(f"There is no table {path}; check the path.") from None
    except (UnicodeDecodeError, ValueError, AttributeError, csv.Error) as error:
        raise DataError(f"{path} is no table in UTF-8 ({error}); mend it.") from error


def known_columns(row: Mapping[str, str]) -> Row:
    """The columns that mean something to a reader, by our names; empty ones are left out."""
    lower = {name.strip().lower(): value for name, value in row.items()}
    found = {}
    for ours, theirs in COLUMNS.items():
        value = next((lower[name] for name in theirs if lower.get(name)), None)
        if value is not None:
            found[ours] = value.strip()
    return found


def _separated(content: str) -> list[Row]:
    lines = content.splitlines()
    if not lines:
        return []
    separator = max(SEPARATORS, key=lines[0].count)
    count = sum(bool(line.strip()) for line in lines[1:])
    try:
        rows = list(csv.DictReader(lines, delimiter=separator, strict=True))
    except csv.Error:
        rows = []
    if len(rows) != count:  # a quotation mark that quotes no field, or ate some lines
        rows = list(csv.DictReader(lines, delimiter=separator, quoting=csv.QUOTE_NONE))
    return [_words(row) for row in rows]


def _words(row: Mapping[str, object]) -> Row:
    return {str(name): "" if value is None else str(value) for name, value in row.items() if name is not None}
