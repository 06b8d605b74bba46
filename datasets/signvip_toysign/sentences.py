"""Messages of the weather domain, their glosses in either toy language, their texts in en and de.

The texts' words and templates are data (`en.toml`, `de.toml`), so that another text language is another file.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from signvip.errors import DataError
from signvip_toysign.signs import language, lexicon

TEXT_LANGUAGES = ("en", "de")
Mood = Literal["plain", "maybe", "not", "question"]
QUESTION = "?"  # marks raised brows at the end of a gloss line: a yes/no question has no sign of its own


@dataclass(frozen=True)
class Message:
    """One sentence before any language; `time`, `place` and `degree` may be absent."""

    weather: str
    time: str | None = None
    place: str | None = None
    degree: str | None = None
    mood: Mood = "plain"


def gloss_of(message: Message, sign_language: str) -> str:
    """Return the gloss line in the order of the sign language, such as "TOMORROW NORTH RAIN NOT"."""
    filled = {
        "time": message.time,
        "place": message.place,
        "weather": message.weather,
        "degree": message.degree,
        "mood": _gloss(message),
    }
    words = [filled[slot] for slot in language(sign_language).order]
    line = " ".join(word for word in words if word)
    return f"{line} {QUESTION}" if message.mood == "question" else line


def parse_gloss(gloss: str, sign_language: str) -> Message:
    """Return the message of a gloss line in any order; DataError for a gloss that the language does not have."""
    mood: Mood = "question" if QUESTION in gloss.split() else "plain"
    found: dict[str, str] = {}
    for word in gloss.split():
        if word == QUESTION:
            continue
        sign = lexicon(sign_language).get(word)
        if sign is None or sign.slot in found:
            raise DataError(
                f"'{word}' has no place in the gloss line '{gloss}'; use glosses of {sign_language}."
            )
        found[sign.slot] = word
    if "weather" not in found:
        raise DataError(f"The gloss line '{gloss}' says nothing of the weather; add a gloss such as RAIN.")
    spoken = found.pop("mood", None)
    return Message(**found, mood=_mood(spoken) if spoken else mood)


def can_say(weather: str, degree: str | None) -> bool:
    """Say whether a degree fits a kind of weather (there is no strong sun)."""
    return all((degree or "plain") in words(text)["weather"][weather] for text in TEXT_LANGUAGES)


def say(message: Message, text_language: str, rng: np.random.Generator) -> str:
    """Return one natural sentence: a template and synonyms by chance."""
    return str(rng.choice(sorted(set(texts(message, text_language)))))


def texts(message: Message, text_language: str) -> Iterator[str]:
    """Yield every sentence that `say` may give."""
    table = words(text_language)
    forms: dict[str, str] = table["weather"][message.weather][message.degree or "plain"]
    for time in table["time"][message.time] if message.time else [""]:
        for place in table["place"][message.place] if message.place else [""]:
            slots = {"time": time, "place": place, "Time": time, "Place": place, **forms}
            for template in table["templates"][message.mood]:
                # A slot with a capital opens the sentence, which is another word order: it must be there.
                if all(slots.get(slot) for slot in re.findall(r"\{([A-Z]\w+)\}", template)) and _has(
                    template, forms
                ):
                    yield _tidy(template.format(**slots))


@cache
def words(text_language: str) -> dict[str, Any]:
    """Return the words and templates of a text language."""
    return tomllib.loads(
        files("signvip_toysign").joinpath(f"{text_language}.toml").read_text(encoding="utf-8")
    )


def characters_of(message: Message, text: str, text_language: str) -> dict[str, int]:
    """Return, by gloss, the character of a text where the word that says it begins: the last word of a phrase."""
    table = words(text_language)
    slots = {"time": message.time, "place": message.place, "degree": message.degree, "mood": _gloss(message)}
    said = {gloss: _words_of(text, table[slot][gloss]) for slot, gloss in slots.items() if gloss}
    forms = table["weather"][message.weather][message.degree or "plain"].values()
    own = _words_of(text, forms) - set().union(*said.values())  # "rain", of "rain heavily"
    return {message.weather: max(own), **{gloss: max(places) for gloss, places in said.items()}}


def _words_of(text: str, phrases: Iterable[str]) -> set[int]:
    """Return where the words of those phrases begin that a text has."""
    found = (
        match
        for phrase in phrases
        if phrase
        for match in re.finditer(rf"\b{re.escape(phrase)}\b", text, re.I)
    )
    return {match.start() + word.start() for match in found for word in re.finditer(r"\w+", match[0])}


def _has(template: str, forms: dict[str, str]) -> bool:
    needed = set(re.findall(r"\{([a-z]\w+)\}", template)) - {"time", "place"}
    return needed <= set(forms)


def _tidy(sentence: str) -> str:
    sentence = re.sub(r"\s+", " ", sentence).strip()
    sentence = re.sub(r"\s+([.,?])", r"\1", sentence)
    return sentence[0].upper() + sentence[1:]


def _gloss(message: Message) -> str | None:
    """Return the sign of a message's mood, where it has one."""
    return {"not": "NOT", "maybe": "MAYBE"}.get(message.mood)


def _mood(gloss: str) -> Mood:
    return "not" if gloss == "NOT" else "maybe"
