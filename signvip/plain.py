"""Text from anybody, made fit for a terminal: what would move a cursor, colour or reorder a line is written out.

Names, texts and errors come from files of strangers. An escape sequence in one could hide lines or type commands, a
line break forge a line, and an override of direction turn `gpj.exe` into `exe.jpg`.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from typing import Any

# Controls (C0, C1, DEL), formats (all of bidi), halves of surrogates, separators of lines and paragraphs
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # zero width, and part of how Persian, Hindi and emoji are written


def plain(text: str, keep: str = "") -> str:
    r"""Write out control characters, such as ESC as `\x1b`; those in `keep` stay."""
    if text.isprintable():
        return text
    return "".join(
        char if char in keep or is_shown(char) else char.encode("unicode_escape").decode() for char in text
    )


def is_shown(char: str) -> bool:
    """Return whether a terminal shows a character as itself, without any other effect."""
    return char in _JOINERS or unicodedata.category(char) not in _HIDDEN


def is_blank(text: str) -> bool:
    """Return whether nothing of a text can be seen: only blanks, controls and characters without width."""
    return not any(is_shown(char) and char not in _JOINERS and not char.isspace() for char in text)


def plain_json(value: Any) -> str:
    """JSON in which hidden characters are escaped, so that it means the same; numbers that are none are null."""
    text = json.dumps(_finite(value), indent=2, ensure_ascii=False, default=str)
    if text.replace("\n", "").isprintable():
        return text
    return "".join(char if char == "\n" or is_shown(char) else json.dumps(char)[1:-1] for char in text)


def _finite(value: Any) -> Any:
    """JSON has no word for NaN and infinities."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(part) for key, part in value.items()}
    return [_finite(part) for part in value] if isinstance(value, list | tuple) else value
