"""Names of sign languages, in English and in the language that is written where they are signed."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class LanguageName:
    """A sign language by its ISO 639-3 code: its reference name there, and the name that its country gives it."""

    code: str
    name: str
    own_name: str


def language_name(code: str) -> LanguageName:
    """Return the names of a sign language; one that is not in the table is called by its code."""
    english, own = _table().get(code, (code, code))
    return LanguageName(code, english, own)


@cache
def _table() -> dict[str, tuple[str, str]]:
    content = files("signvip.data").joinpath("language_names.toml").read_text(encoding="utf-8")
    return {code: (english, own) for code, (english, own) in tomllib.loads(content).items()}
