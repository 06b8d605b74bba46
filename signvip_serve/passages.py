"""A long text in passages that a translator can take, and the parts of a passage for whoever follows the video."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from signvip.models.seen_texts import Seen, Unit, split

_SENTENCES = re.compile(r"(?<=[.!?…؟।])\s+|(?<=。)|\n+")
_CLAUSES = re.compile(r"(?<=[,;:،、])\s+")


def passages(text: str, seen: Seen | None, language: str | None) -> list[str]:
    """Cut a text that is far longer than any of the training: at sentence ends, else at commas, else between words."""
    if seen is None or seen.too_long(text, language) is None:
        return [text]
    return list(_cut(text, (_SENTENCES, _CLAUSES), seen, language))


def _cut(text: str, places: tuple[re.Pattern[str], ...], seen: Seen, language: str | None) -> Iterator[str]:
    if seen.too_long(text, language) is None:
        if split(text, seen.unit):  # a lone dash is no passage
            yield text
    elif places:
        for part in places[0].split(text):
            yield from _cut(part, places[1:], seen, language)
    else:
        yield from _fill(text.split(), seen.longest(language), seen.unit)


def _fill(words: list[str], most: int, unit: Unit) -> Iterator[str]:
    """Join as many words as a text of the training had at most."""
    taken: list[str] = []
    for word in words:
        if taken and len(split(" ".join([*taken, word]), unit)) > most:
            yield " ".join(taken)
            taken = []
        taken.append(word)
    if taken:
        yield " ".join(taken)


def units(passage: str, unit: Unit) -> list[str]:
    """Return the words or letters of a passage as they are written there, in order."""
    if unit == "letters":
        return [letter for _, letter in _letters(passage)]
    return [word for word in passage.split() if split(word, unit)]  # no lone dashes


def _letters(passage: str) -> Iterator[tuple[int, str]]:
    """Yield letters with the marks that belong to them, and the character of the composed passage where each begins."""
    letter, begin = "", 0
    for place, sign in enumerate(unicodedata.normalize("NFC", passage)):
        kind = unicodedata.category(sign)[0]
        if kind == "M" and letter:
            letter += sign
            continue
        if letter:
            yield begin, letter
        letter, begin = "" if kind in "PZC" else sign, place
    if letter:
        yield begin, letter


@dataclass(frozen=True)
class Timed:
    """A passage, the frames in which it is signed, and the character that each of them signs, where that is known."""

    text: str
    start: int
    stop: int
    alignment: Sequence[int] | None = None


def timing(passages: list[Timed], unit: Unit, fps: float) -> list[dict[str, object]]:
    """Tell when each word or letter is signed, in seconds: as the translator's pointer went, else in equal shares."""
    told: list[dict[str, object]] = []
    for one in passages:
        parts, known = units(one.text, unit), _pointed(one) if unit == "letters" else None
        for part, (begin, end) in zip(
            parts, known or _shares(0, one.stop - one.start, len(parts)), strict=True
        ):
            start, stop = (round((one.start + frame) / fps, 3) for frame in (begin, end))
            told.append({"text": part, "start": start, "end": stop, "estimated": known is None})
    return told


def _shares(start: int, stop: int, count: int) -> list[tuple[float, float]]:
    """Cut a stretch of frames into as many equal parts."""
    share = (stop - start) / max(count, 1)
    return [(start + share * place, start + share * (place + 1)) for place in range(count)]


def _pointed(one: Timed) -> list[tuple[float, float]] | None:
    """Return the frames of each letter; None where they are not known, or a pointer left letters out or went back.

    A pointer stays at the first of letters that are one sign, such as doubled ones: they share its time.
    """
    if one.alignment is None or len(unicodedata.normalize("NFC", one.text)) != len(one.text):
        return None
    runs, frame = [], 0
    for place, frames in groupby(one.alignment):
        count = len(list(frames))
        runs += [(place, frame, frame + count)] if place >= 0 else []
        frame += count
    letters = [place for place, _ in _letters(one.text)]
    ends = [place for place, _, _ in runs[1:]] + [len(one.text)]
    shared = [
        sum(begin <= letter < end for letter in letters)
        for (begin, _, _), end in zip(runs, ends, strict=False)
    ]
    if not all(shared) or sum(shared) != len(letters):
        return None
    return [
        part
        for (_, start, stop), count in zip(runs, shared, strict=True)
        for part in _shares(start, stop, count)
    ]
