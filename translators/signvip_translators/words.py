"""A sentence as bytes, or as words that are buckets of their character n-grams: no vocabulary, no download."""

from __future__ import annotations

import unicodedata
import zlib
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from signvip.errors import DataError
from signvip.models.sending import send

NGRAMS = (3, 4, 5)
CHARACTERS_PER_WORD = 16  # with the limit on words this bounds a text without spaces


def split_words(text: str, limit: int) -> list[str]:
    """Return the words of a text without case and punctuation; DataError for none, or for more than `limit`."""
    folded = unicodedata.normalize("NFC", text).casefold()
    if len(folded) > limit * CHARACTERS_PER_WORD:
        raise too_long(text, limit)
    # by category, not by \w: that would split words at the vowel signs of Indic scripts
    words = "".join(" " if unicodedata.category(sign)[0] in "PSZC" else sign for sign in folded).split()
    if not words:
        raise DataError(f"The text {_short(text)} has no words; give a sentence.")
    if len(words) > limit:
        raise too_long(text, limit)
    return words


def text_bytes(text: str, limit: int) -> bytes:
    """Return a text as UTF-8, in lower case and with single spaces; DataError for none, or for more than `limit` bytes.

    Punctuation stays: it is signed, as a pause. `lower`, since `casefold` makes two letters of one (ß).
    """
    found = _plain(text).encode("utf-8", "surrogatepass")
    if not found:
        raise DataError(f"The text {_short(text)} is empty; give a sentence.")
    if len(found) > limit:
        raise too_long(text, limit, "bytes of UTF-8")
    return found


def character_places(texts: Sequence[str], alignment: Tensor | None, like: Tensor) -> Tensor:
    """Return the byte of each text (B, F) where the character that a frame signs begins; -1 of no character.

    `alignment` (B, F) is in characters, -1 of none; None where no clip knows, and `like` (B, F, ...) tells the shape.
    """
    if alignment is None:
        return torch.full(like.shape[:2], -1, device=like.device)
    rows = [[-1, *byte_places(text)] for text in texts]
    longest = max(len(row) for row in rows)
    table = send([row + [-1] * (longest - len(row)) for row in rows], like.device)
    return table.gather(1, (alignment.to(like.device) + 1).clamp(max=longest - 1))


@lru_cache(maxsize=65536)
def byte_places(text: str) -> tuple[int, ...]:
    """Return the byte of `text_bytes` where each character of a text begins."""
    return tuple(
        len(_plain(text[:end] + "|").encode("utf-8", "surrogatepass")) - 1 for end in range(len(text))
    )


def character_at(text: str, place: int) -> int:
    """Return the character of a text whose byte of `text_bytes` this is; -1 before the first and behind the last."""
    if not 0 <= place < len(_plain(text).encode("utf-8", "surrogatepass")):
        return -1
    return max(number for number, first in enumerate(byte_places(text)) if first <= place)


def _plain(text: str) -> str:
    """Return a text composed, in lower case and with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def too_long(text: str, limit: int, what: str = "words or word pieces") -> DataError:
    """Return the error for a text beyond what the translator can read."""
    return DataError(
        f"The text {_short(text)} is too long for the translator, which reads {limit} {what} at a time; give it "
        "sentence by sentence."
    )


@lru_cache(maxsize=65536)
def word_buckets(word: str, buckets: int) -> tuple[int, ...]:
    """Return the buckets in [1, buckets) of a word and its n-grams, the same in every process (0 ends a text)."""
    bounded = f"<{word}>"
    grams = [bounded[start : start + n] for n in NGRAMS for start in range(len(bounded) - n + 1)]
    return tuple(1 + zlib.crc32(gram.encode()) % (buckets - 1) for gram in [f"={word}", *grams])


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
