"""A long text in passages that a translator can take, and the parts of a passage for whoever follows the video."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

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
        return list(_letters(passage))
    return [word for word in passage.split() if split(word, unit)]  # no lone dashes


def _letters(passage: str) -> Iterator[str]:
    """Yield letters with the marks that belong to them."""
    letter = ""
    for sign in unicodedata.normalize("NFC", passage):
        kind = unicodedata.category(sign)[0]
        if kind == "M" and letter:
            letter += sign
            continue
        if letter:
            yield letter
        letter = "" if kind in "PZC" else sign
    if letter:
        yield letter


@dataclass(frozen=True)
class Timed:
    """A passage, and the frames in which it is signed."""

    text: str
    start: int
    stop: int


def timing(passages: list[Timed], unit: Unit, fps: float) -> list[dict[str, object]]:
    """Estimate when each word or letter is signed, in seconds: a passage's time in equal shares.

    No translator here tells which frame is which letter. The first and the last frame of a passage are known.
    """
    told: list[dict[str, object]] = []
    for one in passages:
        parts = units(one.text, unit)
        share = (one.stop - one.start) / max(len(parts), 1)
        for place, part in enumerate(parts):
            begin, end = ((one.start + share * at) / fps for at in (place, place + 1))
            told.append({"text": part, "start": round(begin, 3), "end": round(end, 3), "estimated": True})
    return told
