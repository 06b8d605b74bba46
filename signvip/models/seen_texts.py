"""The texts a translator saw in training, to tell when it is asked for something else: it answers either way."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import ValidationError

from signvip.contracts import Config

Unit = Literal["words", "letters"]
"""What a translator reads: a word that it never saw is unknown to it, or only a letter that it never saw."""

FAR_LONGER = 1.5  # times the longest text of the training
_JOINED_BY: dict[Unit, str] = {"words": " ", "letters": ""}
SHOWN = 5  # words or letters that a sentence names


class Texts(Config):
    """The texts of a training in one sign language: all their words or letters, and how many the longest has."""

    units: str
    longest: int


class Seen(Config):
    """The texts of a training by the sign language of their clips (ISO 639-3)."""

    unit: Unit
    languages: dict[str, Texts]

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]], unit: Unit) -> Seen:
        """Collect (sign language, text) of all clips."""
        units: dict[str, set[str]] = {}
        longest: dict[str, int] = {}
        for language, text in texts:
            found = split(text, unit)
            units.setdefault(language, set()).update(found)
            longest[language] = max(longest.get(language, 0), len(found))
        return cls(
            unit=unit,
            languages={
                language: Texts(
                    units=_JOINED_BY[unit].join(sorted(units[language])), longest=longest[language]
                )
                for language in sorted(units)
            },
        )

    def after(self, other: Seen) -> Seen:
        """Return the texts of both trainings, of a translator that went on from another."""
        languages = dict(other.languages)
        for name, texts in self.languages.items():
            before = languages.get(name, texts)
            units = {*_units(texts.units, self.unit), *_units(before.units, other.unit)}
            languages[name] = Texts(
                units=_JOINED_BY[self.unit].join(sorted(units)), longest=max(texts.longest, before.longest)
            )
        return Seen(unit=self.unit, languages=dict(sorted(languages.items())))

    @classmethod
    def read(cls, values: Any) -> Seen | None:
        """Read what a configuration holds; None where it holds nothing usable."""
        try:
            return cls.model_validate(values)
        except ValidationError:
            return None

    def concerns(self, text: str, language: str | None) -> list[str]:
        """Sentences about what is in a text that the training did not show; none where it is all known."""
        long = self.too_long(text, language)
        return [*self.unseen(text, language), *([long] if long is not None else [])]

    def too_long(self, text: str, language: str | None) -> str | None:
        """Return a sentence about a text that is far longer than any of the training, else None."""
        count, longest = len(split(text, self.unit)), self.longest(language)
        if count <= FAR_LONGER * longest:
            return None
        return (
            f"The text has {count} {self.unit}, and the longest that this run saw in training {longest}; give "
            "it sentence by sentence."
        )

    def longest(self, language: str | None) -> int:
        """Return how many words or letters the longest text of a language had, or of all for one that is not known."""
        return max((texts.longest for texts in self._of(language).values()), default=0)

    def example(self, language: str) -> str:
        """Return three words, or letters, that a language was shown with."""
        units = self.languages[language].units
        return " ".join(units.split()[:3]) if self.unit == "words" else units[:3]

    def letters(self, language: str) -> str | None:
        """Return all letters that a language was shown with; None where words are read."""
        return (
            self.languages[language].units if self.unit == "letters" and language in self.languages else None
        )

    def unseen(self, text: str, language: str | None) -> list[str]:
        """Sentences about a language, and words or letters, that the training did not show."""
        told = []
        if language is not None and language not in self.languages:
            known = ", ".join(self.languages)
            told.append(f"This run never saw the sign language '{language}' in training; it knows {known}.")
        shown: set[str] = set()
        for texts in self._of(language).values():
            shown.update(_units(texts.units, self.unit))
        unknown = [unit for unit in dict.fromkeys(split(text, self.unit)) if unit not in shown]
        if unknown:
            told.append(
                f"This run never saw {_named(unknown, self.unit)} in training; what it signs there is made up."
            )
        return told

    def _of(self, language: str | None) -> Mapping[str, Texts]:
        if language is None or language not in self.languages:
            return self.languages
        return {language: self.languages[language]}


def split(text: str, unit: Unit) -> list[str]:
    """Return the words of a text without case and punctuation, or its letters (digits and symbols are letters, too)."""
    if unit == "letters":
        lower = unicodedata.normalize("NFC", text).lower()
        return [sign for sign in lower if unicodedata.category(sign)[0] not in "PZC"]
    folded = unicodedata.normalize("NFC", text).casefold()
    # by category, not by \w: that would split words at the vowel signs of Indic scripts
    return "".join(" " if unicodedata.category(sign)[0] in "PSZC" else sign for sign in folded).split()


def _units(stored: str, unit: Unit) -> list[str]:
    return stored.split() if unit == "words" else list(stored)


def _named(units: list[str], unit: Unit) -> str:
    shown = ", ".join(repr(one) for one in units[:SHOWN])
    more = f" and {len(units) - SHOWN} more" if len(units) > SHOWN else ""
    return f"the {unit if len(units) > 1 else unit[:-1]} {shown}{more}"
