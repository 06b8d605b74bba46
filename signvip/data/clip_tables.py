"""Tables of datasets: comma, tab or bar separated, or JSON lines; columns by any of their usual names."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signvip.data.delimited import read_records
from signvip.data.text_files import is_torn, read_words
from signvip.errors import DataError
from signvip.storage.json_files import parse_json

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
WRITTEN = ("text", "gloss", "path")  # columns in which any word means itself: "null" is German for zero
UNKNOWN = ("nan", "null", "none", "n/a", "#n/a", "<na>")  # what libraries and spreadsheets write for nothing
NO_WORDS = ("nan", "NaN", "#N/A", "<NA>")  # those that no language has for a word
ONE_EACH = (
    "text",
    "signer",
    "language",
    "text_language",
    "split",
    "start",
    "end",
)  # of these, nobody has two
_OURS = {theirs: ours for ours, names in COLUMNS.items() for theirs in names}


@dataclass(frozen=True)
class Row:
    """One row: `values` by column, as the names stand in the table; with a fault they are a guess, to name it by."""

    place: str  # "row 7 of labels.csv"
    values: dict[str, str]
    fault: str = ""  # a sentence, where the row cannot be used

    @property
    def known(self) -> dict[str, str]:
        """The columns that mean something to a reader, by our names; empty ones are left out."""
        lower = {name.strip().lower(): value for name, value in self.values.items()}
        found = {}
        for ours, theirs in COLUMNS.items():
            value = next((word for name in theirs if (word := _told(ours, lower.get(name, "")))), None)
            if value is not None:
                found[ours] = value
        return found


@dataclass(frozen=True)
class Table:
    """A table as it stands."""

    path: Path
    columns: tuple[str, ...] = ()
    rows: list[Row] = field(default_factory=list)

    def require(self, *wanted: str) -> Table:
        """Return the same; DataError where it lacks a column that means one of `wanted`."""
        there = {_OURS.get(name.strip().lower()) for name in self.columns}
        if self.rows and not set(wanted) <= there:
            named = " and ".join(f"a column '{name}'" for name in wanted)
            raise DataError(f"{self.path} needs {named}; name them so in its first row.")
        return self


def read_table(path: Path, encoding: str | None = None) -> Table:
    """Read a table; a row that cannot be read has a fault, and costs no other.

    DataError for a table that cannot be read at all, or whose header names a column twice.
    """
    try:
        content = read_words(path, encoding)
    except FileNotFoundError:
        raise DataError(f"There is no table {path}; check the path.") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); give a table.") from error
    return _json_lines(path, content) if path.suffix.lower() == ".jsonl" else _separated(path, content)


def parse_unique(text: str) -> dict[str, Any]:
    """Parse a JSON object; ValueError where it is not one, or has a key twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        if twice:
            raise ValueError(f"it says '{twice[0]}' twice")
        return dict(pairs)

    value = parse_json(text, object_pairs_hook=unique)
    if not isinstance(value, dict):
        raise ValueError(f"it is {_type(value)} and not an object")
    return value


def as_words(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of a JSON object that mean something to a reader; null and NaN are unknown.

    ValueError for a value that the column cannot have, and for two that differ where one is meant.
    """
    words = {name: _word(name, value) for name, value in values.items() if name.strip().lower() in _OURS}
    if contradiction := _contradiction(words):
        raise ValueError(f"it {contradiction}")
    return words


def _word(name: str, value: Any) -> str:
    ours = _OURS[name.strip().lower()]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        if is_torn(value) or "\0" in value:
            raise ValueError(f"its '{name}' has half a character or a NUL; write it again")
        return value
    if isinstance(value, float) and math.isinf(value) and ours not in ("start", "end"):
        raise ValueError(f"its '{name}' is infinite and no number")
    if isinstance(value, bool) or not isinstance(value, int | float) or ours in (*WRITTEN, "split"):
        raise ValueError(f"its '{name}' is {_type(value)} and not a string")
    whole = isinstance(value, float) and value.is_integer() and ours not in ("start", "end")
    return str(int(value)) if whole else str(value)  # a table of numbers with gaps has made 3 into 3.0


def _type(value: object) -> str:
    names = {type(None): "null", bool: "true or false", int: "a number", float: "a number", str: "a string"}
    return names.get(type(value), "a list" if isinstance(value, list) else "an object")


def _told(column: str, value: str) -> str:
    """Return a value, or an empty one where it says that it is unknown."""
    value = value.strip()
    if column in WRITTEN:
        return "" if column != "path" and value in NO_WORDS else value
    return "" if value.lower() in UNKNOWN else value


def _contradiction(values: Mapping[str, str]) -> str:
    """Describe how two columns of a row contradict each other though they mean the same; empty where none do."""
    found: dict[str, tuple[str, str]] = {}
    for name, value in values.items():
        ours = _OURS.get(name.strip().lower(), "")
        told = _told(ours, value)
        if ours in ONE_EACH and told:
            other, before = found.setdefault(ours, (name, told))
            if before != told:
                return f"says different things in '{other}' and '{name}'; leave one of them"
    return ""


def _separated(path: Path, content: str) -> Table:
    prefer = "\t" if path.suffix.lower() == ".tsv" else ","
    records = read_records(content, _meaning, prefer)
    if not records:
        return Table(path)
    header = records[0]
    if header.fault:
        raise DataError(f"{header.place} of {path}, its header, {header.fault}.")
    columns = tuple(name.strip() for name in header.fields)
    twice = [name for name, times in Counter(filter(None, map(str.lower, columns))).items() if times > 1]
    if twice:
        raise DataError(f"{path} has the column '{twice[0]}' twice; rename or remove one.")
    rows = []
    for record in records[1:]:
        place = f"{record.place} of {path.name}"
        values = {name: value for name, value in zip(columns, record.fields, strict=False) if name}
        fault = record.fault or _contradiction(values)
        rows.append(Row(place, values, fault and f"{place} {fault}"))
    return Table(path, columns, rows)


def _meaning(header: Sequence[str]) -> int:
    """Count the columns of a header that are known by name."""
    return sum(name.strip().lower() in _OURS for name in header)


def _json_lines(path: Path, content: str) -> Table:
    rows: list[Row] = []
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        place, values, fault = f"line {number} of {path.name}", {}, ""
        try:
            found = parse_unique(line)
            values = {name: value for name, value in found.items() if isinstance(value, str)}
            fault = f"{place} is not in UTF-8; save it as UTF-8" if is_torn(line) else ""
            values |= {} if fault else as_words(found)
        except (ValueError, RecursionError) as error:
            fault = f"{place} cannot be used: {error}"
        rows.append(Row(place, values, fault))
    return Table(path, tuple(dict.fromkeys(name for row in rows for name in row.values)), rows)
