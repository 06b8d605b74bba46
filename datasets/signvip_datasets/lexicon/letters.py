"""From a text to what is spelled of it: letters that an alphabet has, doubled ones, and pauses."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

LONGEST = 3  # letters of several signs, such as SCH; what is longer in an index is a word
DOTLESS = ("tr", "az", "tt", "crh")  # written languages whose I is ı
FULL_STOPS = ".!?…؟。।"


@dataclass(frozen=True)
class Spelled:
    """One letter or word of an alphabet, by its key: how often it comes in a row, and whether it ends something."""

    key: str
    times: int = 1
    ends_word: bool = False
    ends_sentence: bool = False


def fold(text: str, written: str) -> str:
    """Lower case of a written language (BCP 47), in composed letters."""
    if written.partition("-")[0] in DOTLESS:
        text = text.replace("I", "\u0131").replace("\u0130", "i")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower().strip())


def spell(text: str, entries: Collection[str], written: str) -> list[Spelled]:
    """Spell a text with an alphabet's entries, in order; letters that they lack are left out.

    A whole word where there is one, else the longest letters first, so that SCH is one sign where it is one. A letter
    with a mark that the alphabet lacks is spelled without it.
    """
    spelled: list[Spelled] = []
    for word, ends_sentence in _words(fold(text, written)):
        keys = [word] if word in entries else list(_letters(word, entries))
        for place, key in enumerate(keys):
            last = place == len(keys) - 1
            if place and spelled and spelled[-1].key == key and len(key) <= LONGEST:
                key_again = spelled.pop()
                spelled.append(Spelled(key, key_again.times + 1, last, last and ends_sentence))
            else:
                spelled.append(Spelled(key, 1, last, last and ends_sentence))
    return spelled


def missing(text: str, entries: Collection[str], written: str) -> str:
    """Return the letters of a text that an alphabet lacks, each once."""
    folded = fold(text, written)
    words = [word for word, _ in _words(folded) if word not in entries]
    return "".join(
        dict.fromkeys(sign for word in words for sign in word if not list(_letters(sign, entries)))
    )


def _words(text: str) -> Iterator[tuple[str, bool]]:
    """Yield words of a folded text, and whether a full stop follows; apostrophes and hyphens part no name."""
    word = ""
    for sign in f"{text} ":
        if unicodedata.category(sign)[0] in "LMN":
            word += sign
        elif sign not in "'\u2019-":
            if word:
                yield word, sign in FULL_STOPS
            word = ""


def _letters(word: str, entries: Collection[str]) -> Iterator[str]:
    place = 0
    while place < len(word):
        length = next((n for n in range(LONGEST, 0, -1) if word[place : place + n] in entries), 0)
        if length:
            yield word[place : place + length]
        else:
            yield from _plainer(word[place], entries)
        place += max(length, 1)


def _plainer(sign: str, entries: Collection[str]) -> Iterator[str]:
    """Yield a letter without its marks (á), or as several (ß); none where the alphabet lacks that too."""
    for other in (sign.casefold(), unicodedata.normalize("NFKD", sign)):
        found = [part for part in other if part in entries]
        if found:
            yield from found
            return
