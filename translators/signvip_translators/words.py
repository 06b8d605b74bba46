"""A sentence as bytes, or as words that are buckets of their character n-grams: no vocabulary, no download."""

from __future__ import annotations

import unicodedata
import zlib
from functools import lru_cache

from signvip.errors import DataError

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
    found = " ".join(unicodedata.normalize("NFC", text).lower().split()).encode("utf-8", "surrogatepass")
    if not found:
        raise DataError(f"The text {_short(text)} is empty; give a sentence.")
    if len(found) > limit:
        raise too_long(text, limit, "bytes of UTF-8")
    return found


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
