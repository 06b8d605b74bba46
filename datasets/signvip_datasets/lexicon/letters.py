"""From a text to what is spelled of it: letters that an alphabet has, doubled ones, and pauses."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

LONGEST = 3  # letters of several signs, such as SCH; what is longer in an index is a word
DOTLESS = ("tr", "az", "tt", "crh")  # written languages whose I is ı
FULL_STOPS = ".!?…؟。।"


@dataclass(frozen=True)
class Spelled:
    """One letter or word of an alphabet, by its key: how often it comes in a row, and whether it ends something.

    `at` is the character of the folded text where it begins, the first where it is doubled.
    """

    key: str
    times: int = 1
    ends_word: bool = False
    ends_sentence: bool = False
    at: int = field(default=0, compare=False)


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
    for word, places, ends_sentence in _words(fold(text, written)):
        keys = [(0, word)] if word in entries else list(_letters(word, entries))
        for number, (place, key) in enumerate(keys):
            last = number == len(keys) - 1
            if number and spelled and spelled[-1].key == key and len(key) <= LONGEST:
                again = spelled.pop()
                spelled.append(Spelled(key, again.times + 1, last, last and ends_sentence, again.at))
            else:
                spelled.append(Spelled(key, 1, last, last and ends_sentence, places[place]))
    return spelled


def missing(text: str, entries: Collection[str], written: str) -> str:
    """Return the letters of a text that an alphabet lacks, each once."""
    folded = fold(text, written)
    words = [word for word, _, _ in _words(folded) if word not in entries]
    return "".join(
        dict.fromkeys(sign for word in words for sign in word if not list(_letters(sign, entries)))
    )


def _words(text: str) -> Iterator[tuple[str, list[int], bool]]:
    """Yield words of a folded text, where their signs are in it, and whether a full stop follows.

    Apostrophes and hyphens part no name.
    """
    word, places = "", list[int]()
    for place, sign in enumerate(f"{text} "):
        if unicodedata.category(sign)[0] in "LMN":
            word += sign
            places.append(place)
        elif sign not in "'\u2019-":
            if word:
                yield word, places, sign in FULL_STOPS
            word, places = "", []


def _letters(word: str, entries: Collection[str]) -> Iterator[tuple[int, str]]:
    """Yield the entries that a word is spelled with, and where in it each begins."""
    place = 0
    while place < len(word):
        length = next((n for n in range(LONGEST, 0, -1) if word[place : place + n] in entries), 0)
        if length:
            yield place, word[place : place + length]
        else:
            yield from ((place, plainer) for plainer in _plainer(word[place], entries))
        place += max(length, 1)


def _plainer(sign: str, entries: Collection[str]) -> Iterator[str]:
    """Yield a letter without its marks (á), or as several (ß); none where the alphabet lacks that too."""
    for other in (sign.casefold(), unicodedata.normalize("NFKD", sign)):
        found = [part for part in other if part in entries]
        if found:
            yield from found
            return
