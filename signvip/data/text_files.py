"""Words of strangers' files: bytes as text, whatever a spreadsheet saved them as."""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

from signvip.errors import DataError

# The longer mark first: UTF-32's begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def read_words(path: Path, encoding: str | None = None) -> str:
    """Read a text in UTF-8, or in UTF-16 or UTF-32 where its mark or its zeros say so.

    Bytes that are no UTF-8 become lone surrogates (PEP 383), so that the rest can be read: see `is_torn`. Any other
    `encoding` has to be named. DataError where that is unknown, or is not what the file is in.
    """
    data = path.read_bytes()
    if encoding is None:
        mark, found = next(((m, name) for m, name in _MARKS if data.startswith(m)), (b"", _guess(data)))
        data = data[len(mark) :]
    else:
        found = encoding
    try:
        text = data.decode(found, "surrogateescape" if found == "utf-8" else "strict")
    except LookupError:
        raise DataError(f"There is no encoding '{encoding}'; name one such as cp1252 or utf-16.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not in {found} ({error.reason}); save it as UTF-8.") from error

    return text.lstrip("\ufeff")  # some programs write a mark before the mark that others wrote


def is_torn(text: str) -> bool:
    """Return whether a text has bytes that `read_words` could not read, or halves of characters, as JSON may have."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def composed(name: str) -> str:
    """Return a name in NFC, since macOS writes letters and accents apart; bytes that are not letters become '?'."""
    return unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode())


def _guess(data: bytes) -> str:
    """UTF-16 without its mark has a zero in every other byte of its first words; else UTF-8."""
    start = data[:64]
    zeros = [start[parity::2].count(0) * 4 >= len(start) for parity in (0, 1)]
    return "utf-16-be" if zeros[0] and not zeros[1] else "utf-16-le" if zeros[1] and not zeros[0] else "utf-8"
