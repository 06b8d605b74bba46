"""Subtitles in SRT and WebVTT: what can be signed, and every block that cannot, with its reason.

Libraries that read these formats drop or repair odd cues in silence; a signed track has to say which ones it lacks.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from signvip.errors import DataError
from signvip.plain import is_blank

LONGEST_TEXT = 2000  # characters; more is a file gone wrong
_LINE = re.compile(r"\r\n|\r|\n")  # not `splitlines`, which also breaks at U+2028
_TIME = r"(?:(\d+):)?([0-5]?\d):([0-5]\d)[.,](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_TAG = re.compile(r"</?[A-Za-z\d][^<>]*>|</>|\{\\[^{}]*\}")  # <i>, <00:01.000>, {\an8}
_NO_CUE = re.compile(r"(NOTE|STYLE|REGION)(\s|$)")


@dataclass(frozen=True)
class Cue:
    """A text and when it is shown, in seconds; `number` counts the blocks of the file, `line` its lines."""

    number: int
    line: int
    start: float
    end: float
    text: str


@dataclass(frozen=True)
class Unsigned:
    """A cue that is not signed, or is cut, and why."""

    number: int
    line: int
    text: str
    why: str

    def __str__(self) -> str:
        return f"Cue {self.number} (line {self.line}) {self.why}: '{self.text[:80]}'"


@dataclass(frozen=True)
class Subtitles:
    """The cues of a file by their starts, and those that cannot be signed."""

    cues: tuple[Cue, ...]
    odd: tuple[Unsigned, ...]


def read_subtitles(path: Path) -> Subtitles:
    """Read an SRT or VTT file; DataError where it cannot be read or has no cue that can be signed."""
    cues, odd = [], []
    for found in parse_subtitles(_read(path)):
        if isinstance(found, Cue):
            cues.append(found)
        else:
            odd.append(found)
    if not cues:
        reason = f": {odd[0]}" if odd else ""
        raise DataError(f"{path} has no cue that can be signed{reason}; give subtitles in SRT or WebVTT.")
    return Subtitles(tuple(sorted(cues, key=lambda cue: cue.start)), tuple(odd))


def parse_subtitles(content: str) -> Iterator[Cue | Unsigned]:
    """Give each block of a file, in its order: a cue, or what is wrong with it."""
    number, is_vtt = 0, content.startswith("WEBVTT")
    for at, block in _blocks(_LINE.split(content)):
        if is_vtt and (at == 1 or _NO_CUE.match(block[0])):
            continue
        number += 1
        yield _cue(number, at, block)


def _read(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({(error.strerror or str(error)).lower()}); check the path."
        ) from error
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not in UTF-8; save the subtitles as UTF-8 and try again.") from error


def _blocks(lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Give (number of its first line, lines) of what empty lines, or the times of a next cue, keep apart."""
    block: list[str] = []
    for number, line in enumerate([*lines, ""], start=1):
        timed = "-->" in line and any("-->" in before for before in block)
        if not line.strip() or timed:
            # a number that stands above times belongs to them
            kept = [block.pop()] if timed and block[-1].strip().isdecimal() and len(block) > 1 else []
            if block:
                yield number - len(block) - len(kept), block
            block = kept
        if line.strip():
            block.append(line)


def _cue(number: int, at: int, block: list[str]) -> Cue | Unsigned:
    place = next((index for index, line in enumerate(block) if "-->" in line), None)
    if place is None or place > 1:
        return Unsigned(number, at, _plain(block), "has no times above its text")
    times, text = _TIMES.fullmatch(block[place]), _plain(block[place + 1 :])
    if times is None:
        return Unsigned(number, at, text, f"has times that cannot be read ({block[place].strip()[:60]})")
    start, end = _seconds(times.groups()[:4]), _seconds(times.groups()[4:])
    if end <= start:
        return Unsigned(number, at, text, f"ends at {end:.3f} s and does not start before that")
    if is_blank(text):
        return Unsigned(number, at, text, "has no text")
    if len(text) > LONGEST_TEXT:
        return Unsigned(number, at, text, f"has more than {LONGEST_TEXT} characters")
    return Cue(number, at, start, end, text)


def _seconds(parts: tuple[str | None, ...]) -> float:
    hours, minutes, seconds, fraction = parts
    return (
        int(hours or 0) * 3600
        + int(minutes or 0) * 60
        + int(seconds or 0)
        + int((fraction or "0").ljust(3, "0")) / 1000
    )


def _plain(lines: list[str]) -> str:
    """Join the lines of a text, without markup."""
    return " ".join(html.unescape(_TAG.sub("", " ".join(lines))).split())
