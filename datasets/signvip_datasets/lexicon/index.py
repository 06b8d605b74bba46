"""The index of a lexicon in the layout of sign.mt: which file shows which letter or word of which sign language."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from signvip.data import read_table
from signvip.errors import DataError
from signvip_datasets.lexicon.letters import LONGEST, fold

INDEX = "index.csv"
COLUMNS = ("path", "spoken_language", "signed_language", "words")
PACKAGE = "spoken_to_signed"  # whose wheel carries a lexicon of letters
Row = dict[str, str]
_INSIDE = Path("assets") / "fingerspelling_lexicon"


@dataclass(frozen=True)
class Entry:
    """One row: the letter or word as the index writes it, and its `.pose` file."""

    word: str
    path: Path
    priority: float


@dataclass(frozen=True)
class Alphabet:
    """The entries of one sign language (ISO 639-3), by their letter or word as `fold` has it in `written`."""

    language: str
    written: str
    entries: Mapping[str, Entry] = field(repr=False)

    @cached_property
    def letters(self) -> tuple[str, ...]:
        """Return the letters that words are spelled with, digraphs among them."""
        return tuple(key for key in self.entries if len(key) <= LONGEST)


def find_lexicon(source: Path | None) -> Path:
    """Return the folder given, or the one that the package spoken-to-signed carries."""
    if source is not None:
        return source
    found = importlib.util.find_spec(PACKAGE)
    for place in found.submodule_search_locations or () if found else ():
        if (Path(place) / _INSIDE / INDEX).is_file():
            return Path(place) / _INSIDE
    raise DataError(
        'No lexicon was given, and the one of spoken-to-signed is not installed; pip install "signvip[lexicon]", or '
        f"give a folder that holds {INDEX} and .pose files."
    )


def read_index(folder: Path) -> dict[str, Alphabet]:
    """Return the alphabets of a folder by sign language; DataError for an index that cannot be spelled from."""
    path = folder / INDEX
    if not path.is_file():
        raise DataError(
            f"{folder} holds no {INDEX}; give the folder of a lexicon in the layout of sign.mt's."
        )
    rows = _rows(path)
    lacking = [name for name in COLUMNS if not rows or name not in rows[0]]
    if lacking:
        has = ", ".join(rows[0]) if rows else "no rows"
        raise DataError(
            f"{path} lacks the columns {', '.join(lacking)} (it has {has}); name them as sign.mt does."
        )
    _check_files(folder, rows)
    tables: dict[str, dict[str, Entry]] = {}
    written: dict[str, str] = {}
    for row in rows:
        language = row["signed_language"].strip()
        spoken = written.setdefault(language, row["spoken_language"].strip())
        _add(tables.setdefault(language, {}), row, spoken, folder)
    for language, table in tables.items():
        if len(table) < 2:
            raise DataError(
                f"{path} has one entry for {language}, '{next(iter(table.values())).word}', of which no two words can "
                f"be made; add the rest of its alphabet."
            )
    return {language: Alphabet(language, written[language], table) for language, table in tables.items()}


def _rows(path: Path) -> list[Row]:
    """Read rows by column; DataError for an unreadable one, since an alphabet without a letter spells wrongly."""
    table = read_table(path)
    fault = next((row.fault for row in table.rows if row.fault), None)
    if fault is not None:
        raise DataError(f"{fault}.")
    return [row.values for row in table.rows]


def _check_files(folder: Path, rows: list[Row]) -> None:
    missing = [row["path"] for row in rows if not _is_within(folder, row["path"])]
    if missing:
        raise DataError(
            f"{folder / INDEX} lists {len(missing)} files that are not in its folder, such as {missing[0]}; fetch "
            f"them, or take their rows out."
        )


def _is_within(folder: Path, name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and (folder / path).is_file()


def _add(table: dict[str, Entry], row: Row, written: str, folder: Path) -> None:
    """Keep a row; of two for one word the one of the lower priority number, as sign.mt's lexica are read."""
    word = row["words"].strip()
    key = fold(word, written)
    try:
        entry = Entry(word, folder / row["path"], float(row.get("priority") or 0))
    except ValueError:
        raise DataError(
            f"{folder / INDEX} gives '{word}' the priority '{row['priority']}'; write a number."
        ) from None
    if not key:
        raise DataError(
            f"{folder / INDEX} has a row without a word, for {row['path']}; fill it in or take it out."
        )
    other = table.get(key)
    if other is not None and other.priority == entry.priority:
        raise DataError(
            f"{folder / INDEX} has '{word}' twice for {row['signed_language']}, in {other.path.name} and "
            f"{entry.path.name}; take one out, or give them different priorities."
        )
    if other is None or entry.priority < other.priority:
        table[key] = entry
