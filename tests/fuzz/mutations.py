"""Inputs that are nearly right: bytes, texts and JSON of a sound file with a few places changed."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

NUMBERS = (0, 1, -1, 7, 127, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
WORDS = (
    "\x00", "\n", "\r\n", "\r", "\t", ",", ";", "|", '"', '""', "'", "\\", "\\\\", "..", "../",
    "../../x", "/etc/passwd", "C:\\x",
    "\ufeff", "\u2028", "\u202e", "\x1b[2J", "\x85", "\ud800", "é", "e\u0301", "null", "NaN", "-1", "1e999", "9" * 400,
    "x" * 300, "{", "}", "[", "]", ":", "{}", "[]", "=", "#", "[[", '"""', " ", "\u3000",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 10**12, 10**30, 0.5, -0.0, 1e300, float("nan"), float("inf"), "", "x", "../x",
    "\x1b[2J", "x" * 500, [], {},
    [[]], [None], {"x": {}}, ["lurking", "Thing"], [1, 2, 3], [10**9, 10**9], [1e308, "x"],
)  # fmt: skip


@st.composite
def changed_bytes(draw: st.DrawFn, seed: bytes) -> bytes:
    """A file with up to four places changed: bits, numbers, words, cuts, copies."""
    data = bytearray(seed)
    for _ in range(draw(st.integers(0, 4))):
        kind = draw(st.sampled_from(("bit", "number", "word", "cut", "delete", "repeat", "zeros")))
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        length = draw(st.sampled_from((1, 2, 4, 8, 64, 512, 4096)))
        if kind == "bit" and data:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "number":
            size, order = draw(st.sampled_from((1, 2, 4, 8))), draw(st.sampled_from(("little", "big")))
            number = draw(st.sampled_from(NUMBERS)) % 2 ** (8 * size)
            data[at : at + size] = number.to_bytes(size, order)
        elif kind == "word":
            data[at:at] = draw(st.sampled_from(WORDS)).encode(errors="surrogatepass")
        elif kind == "cut":
            del data[at:]
        elif kind == "delete":
            del data[at : at + length]
        elif kind == "repeat":
            data[at:at] = data[at : at + length]
        else:
            data[at : at + length] = bytes(len(data[at : at + length]))
    return bytes(data)


@st.composite
def changed_json(draw: st.DrawFn, seed: Any) -> bytes:
    """JSON with up to three values of another kind, entries too many or too few; at times nested deeply, or spoilt."""
    value = copy.deepcopy(seed)
    for _ in range(draw(st.integers(0, 3))):
        value = _changed(draw, value)
    text = json.dumps(value)
    if draw(st.integers(0, 19)) == 0:
        text = text.replace("null", "[" * 50_000, 1) if "null" in text else "[" * 50_000
    if draw(st.integers(0, 3)) == 0:
        return draw(changed_bytes(text.encode()))
    return text.encode()


def _changed(draw: st.DrawFn, value: Any) -> Any:
    inner = isinstance(value, dict | list) and value and draw(st.integers(0, 4))
    if not inner:
        return draw(st.sampled_from(VALUES))
    if isinstance(value, list):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _changed(draw, value[at]), *value[at + 1 :]]
    key = draw(st.sampled_from(sorted(value)))
    action = draw(st.integers(0, 9))
    if action == 0:
        return {name: part for name, part in value.items() if name != key}
    if action == 1:
        return {**value, draw(st.sampled_from(WORDS[:20])): value[key]}
    return {**value, key: _changed(draw, value[key])}
