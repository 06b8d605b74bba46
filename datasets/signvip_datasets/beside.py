"""Files beside a clip that describe it: a text, and a JSON object with the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from signvip.data import Row, as_words, is_torn, parse_unique, read_words
from signvip.errors import DataError

TEXTS = (".txt", ".json")


@dataclass(frozen=True)
class Told:
    """Facts about a clip, under our names for the columns of a table, and the reason why it cannot be used."""

    known: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


def read_beside(paths: Sequence[Path]) -> Told:
    """Read the texts of a clip, `.txt` first; a JSON that says nothing of ours hides no text.

    Null and NaN are unknown. Two different texts, and values of a type that cannot be, are a fault.
    """
    known: dict[str, str] = {}
    for path in paths:
        try:
            found = _json(path, known) if path.suffix.lower() == ".json" else {"text": _text(path)}
        except (DataError, OSError) as error:
            return Told(known, str(error))
        if found.get("text", "") and known.get("text", found["text"]) != found["text"]:
            names = " and ".join(beside.name for beside in paths)
            return Told(known, f"{names} say different texts of one clip; leave one of them")
        known |= {name: value for name, value in found.items() if value}
    return Told(known)


def _text(path: Path) -> str:
    text = read_words(path).strip()
    if is_torn(text) or "\0" in text:
        raise DataError(f"{path.name} is not in UTF-8; save it as UTF-8")
    return text


def _json(path: Path, known: Mapping[str, str]) -> dict[str, str]:
    """Return the columns of a JSON object; none where it is another program's, which only a text beside it can tell."""
    try:
        value = parse_unique(read_words(path))
    except (DataError, ValueError, RecursionError) as error:
        if "text" in known:
            return {}
        raise DataError(f"{path.name} beside it cannot be understood ({error})") from error
    if "text" in known and not isinstance(value.get("text"), str | None):
        return {}
    try:
        return Row(path.name, as_words(value)).known
    except ValueError as error:
        raise DataError(f"{path.name} cannot be used: {error}") from error
