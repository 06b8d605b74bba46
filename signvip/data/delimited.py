"""Records of separated text by RFC 4180; one that breaks its rules is read as it stands, or faulted, alone."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from signvip.data.text_files import is_torn

SEPARATORS = "\t|,;"
UNQUOTED = "\t|"  # what is written without quotation marks as a rule: there one is a character like any other
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # not `splitlines`, which also breaks at U+2028
_DIRECTIVE = re.compile(r"sep=(.)\s*", re.IGNORECASE)  # Excel's own first line
_SPACED_QUOTE = re.compile(r'^\s+".*"\s*$', re.DOTALL)


@dataclass(frozen=True)
class Record:
    """One row: `number` counts as a spreadsheet does, the header being 1; `line` as an editor does."""

    number: int
    line: int
    fields: list[str]
    fault: str = ""

    @property
    def place(self) -> str:
        """The position in the file, for a person who has it open."""
        return f"row {self.number}" + ("" if self.line == self.number else f" (line {self.line})")


def read_records(content: str, score: Callable[[Sequence[str]], int], prefer: str = "") -> list[Record]:
    """Return the header and the records below it, without the empty ones that spreadsheets leave.

    Of the separators the one is taken by which `score`, of the header's fields, is highest; then that which gives the
    most fields; then the preferred one.
    """
    lines = _LINE.findall(content)
    start = next((at for at, line in enumerate(lines) if line.strip()), None)
    if start is None:
        return []
    if directive := _DIRECTIVE.fullmatch(lines[start]):
        return list(_records(lines, start + 1, directive[1], offset=start + 1))
    marks = dict.fromkeys(prefer + SEPARATORS)
    headers = {mark: _parse(lines, start, mark)[0] or _plain(lines[start], mark) for mark in marks}
    best = max(headers, key=lambda mark: (score(headers[mark]), len(headers[mark])))
    return list(_records(lines, start, best, offset=start))


def _records(lines: Sequence[str], at: int, separator: str, offset: int) -> Iterator[Record]:
    width, number = 0, offset
    while at < len(lines):
        number += 1
        record, next_at = _record(lines, at, number, separator, width)
        if any(field.strip() for field in record.fields):
            width = width or len(record.fields)
            yield record
        at = next_at


def _record(lines: Sequence[str], at: int, number: int, separator: str, width: int) -> tuple[Record, int]:
    """Return the record that begins at a line, and where the next one does; a header has no `width` to keep."""
    fields, after = _parse(lines, at, separator)
    if fields is not None and width and len(fields) > width and not any(map(str.strip, fields[width:])):
        fields = fields[:width]  # cells that a spreadsheet has beside the table
    if (
        fields is not None
        and after > at + 1
        and width
        and _swallowed(fields, lines[at + 1 : after], separator)
    ):
        fields = None
    if fields is not None and any(_SPACED_QUOTE.match(field) for field in fields):
        fields = _parse(lines, at, separator, skipinitialspace=True)[0] or fields
    if fields is not None and width and len(fields) != width:
        spaced, spaced_after = _parse(lines, at, separator, skipinitialspace=True)
        if spaced is not None and len(spaced) == width:
            fields, after = spaced, spaced_after
    if fields is None:
        return _broken(lines, at, number, separator, width), at + 1
    return Record(number, at + 1, fields, _fault(fields, separator, width)), after


def _parse(lines: Sequence[str], at: int, separator: str, **dialect: Any) -> tuple[list[str] | None, int]:
    """Split fields by RFC 4180, with doubled quotation marks and line breaks in them; None where a row breaks it."""
    rest = (lines[number] for number in range(at, len(lines)))
    reader = csv.reader(rest, delimiter=separator, strict=True, **dialect)
    try:
        return next(reader, []), at + max(1, reader.line_num)
    except csv.Error:
        return None, at + 1


def _swallowed(fields: Sequence[str], following: Sequence[str], separator: str) -> bool:
    """Return whether an open quotation mark swallowed the next rows: a following line is one, of a file named alike."""
    for line in following:
        row = _plain(line, separator)
        if len(row) == len(fields) and _kind(row[0]) == _kind(fields[0]) and " " not in row[0]:
            return True
    return False


def _kind(name: str) -> str:
    """Return the ending of a file's name, else the name without its digits."""
    name = name.strip()
    stem, dot, ending = name.rpartition(".")
    return f".{ending}" if dot and stem and ending.isalnum() else re.sub(r"\d+", "0", name)


def _broken(lines: Sequence[str], at: int, number: int, separator: str, width: int) -> Record:
    """Read a line whose quotation marks follow no rule: by backslashes, else as it stands, else as a fault."""
    line = lines[at]
    if '\\"' in line:
        fields, after = _parse(lines, at, separator, doublequote=False, escapechar="\\")
        if fields is not None and after == at + 1 and len(fields) == (width or len(fields)):
            return Record(number, at + 1, fields)
    fields = [_unquoted(field) for field in _plain(line, separator)]
    fault = _fault(fields, separator, width)
    if separator not in UNQUOTED and (_is_open(line, separator) or '""' in line):
        fault = "opens or closes a quotation mark where none may stand; write it twice within a quoted field"
    return Record(number, at + 1, fields, fault)


def _unquoted(field: str) -> str:
    """Strip the quotation marks around a field, where blanks beside them or its length broke a rule."""
    inner = field.strip()[1:-1]
    return inner if field.strip() == f'"{inner}"' and '"' not in inner else field


def _is_open(line: str, separator: str) -> bool:
    """Return whether a field begins with a quotation mark that its line does not close."""
    return any(field.lstrip().startswith('"') and field.count('"') % 2 for field in _plain(line, separator))


def _plain(line: str, separator: str) -> list[str]:
    return line.rstrip("\r\n").split(separator)


def _fault(fields: Sequence[str], separator: str, width: int) -> str:
    if width and len(fields) != width:
        count = f"has {len(fields)} fields where the header has {width}"
        return f"{count}; put a text that contains '{separator}' in quotes"
    if any("\0" in field for field in fields):
        return "has a NUL character; write it again"
    if any(map(is_torn, fields)):
        return "is not in UTF-8; save the table as UTF-8, or name its encoding"
    return ""
