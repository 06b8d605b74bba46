"""Clips of a folder with their texts: files beside them, or one table; and which split each is in."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from pydantic import Field

from signvip import contracts
from signvip.contracts import SPLITS
from signvip.corpora.entries import SPLIT_NAMES, Entry, check_folder, numbered, timed
from signvip.corpora.tables import Row, known_columns, read_table
from signvip.data.files import walk
from signvip.data.footage import PICTURES
from signvip.data.sample import key_of
from signvip.errors import DataError

TABLES = (".tsv", ".csv", ".jsonl")
TEXTS = (".txt", ".json")
FEWEST = 3  # signers, to deal them to three splits


class Listed(contracts.Config):
    """Options of a folder whose clips are listed by a table, or have their texts beside them."""

    source: Path = Field(description="folder of the corpus")
    table: Path | None = Field(None, description="TSV, CSV or JSON lines, relative to the folder")
    dev: float = Field(0.1, ge=0, lt=1, description="share of dev where nothing says which clips are dev")
    test: float = Field(0.1, ge=0, lt=1, description="share of test")
    language: str = Field("und", description="ISO 639-3 of the sign language, where the table does not say")
    text_language: str = Field("und", description="BCP 47 of the texts")
    licence: str = Field("", description="under which the clips may be used")


class Listing:
    """The entries of a folder: files with one of the `endings`, and where it is asked for folders of pictures."""

    def __init__(self, config: Listed, endings: tuple[str, ...], pictures: bool) -> None:
        self.config, self.endings, self.pictures = config, endings, pictures

    @cached_property
    def splits(self) -> dict[str, dict[str, Entry]]:
        listed = list(self._listed())
        if not listed:
            raise DataError(
                f"{self.config.source} holds no clips ({', '.join(self.endings)}); give their folder as SOURCE."
            )
        listed = list(zip([split for split, _ in listed], numbered(e for _, e in listed), strict=True))
        if not any(split for split, _ in listed):
            listed = self._dealt([entry for _, entry in listed])
        return {
            split: {entry.id: entry for where, entry in listed if (where or "train") == split}
            for split in SPLITS
        }

    def _listed(self) -> Iterator[tuple[str | None, Entry]]:
        """(split where it is said, entry) of all clips and all texts."""
        folder = check_folder(self.config.source)
        clips = self._clips(folder)
        table = self._table(folder)
        rows = [known_columns(row) for row in read_table(table)] if table else []
        if table and rows and not any("path" in row and "text" in row for row in rows):
            raise DataError(f"{table} needs a column 'path' and a column 'text'; name them so.")
        used = set()
        for row in rows:
            path = self._resolve(folder, row.get("path", ""), clips)
            yield self._split_of(row, path, folder), self._entry(self._name(folder, path, row), path, row)
            used.add(path)
        for path, beside in ((path, beside) for path, beside in clips.items() if path not in used):
            row = {} if table else _beside(beside)
            yield self._split_of(row, path, folder), self._entry(self._name(folder, path, row), path, row)
        if not table:
            yield from (
                (None, self._entry(self._name(folder, text, {}), None, _beside([text])))
                for text in _orphans(folder, clips)
            )

    def _table(self, folder: Path) -> Path | None:
        if self.config.table is not None:
            return folder / self.config.table
        found = sorted(path for path in folder.iterdir() if path.suffix in TABLES)
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise DataError(f"{folder} has several tables ({names}); choose by --set dataset.table=NAME.")
        return found[0] if found else None

    def _resolve(self, folder: Path, name: str, clips: Mapping[Path, object]) -> Path | None:
        """The clip that a table means, with or without its ending; None where it is not there."""
        if not name:
            return None
        path = folder / name
        if path in clips:
            return path
        return next(
            (
                path.with_name(path.name + end)
                for end in self.endings
                if path.with_name(path.name + end) in clips
            ),
            None,
        )

    def _entry(self, name: str, path: Path | None, row: Row) -> Entry:
        entry = Entry(
            id=key_of(name.removesuffix("/") or "unnamed"),
            path=path,
            text=row.get("text", ""),
            gloss=row.get("gloss"),
            signer=row.get("signer"),
            language=row.get("language", self.config.language),
            text_language=row.get("text_language", self.config.text_language),
            source=row.get("source", str(path.name) if path else ""),
            licence=row.get("licence", self.config.licence),
        )
        return timed(entry, row.get("start", "0"), row.get("end", "inf"))

    def _split_of(self, row: Row, path: Path | None, folder: Path) -> str | None:
        if "split" in row:
            if row["split"].lower() not in SPLIT_NAMES:
                raise DataError(f"'{row['split']}' is no split; write train, dev or test into the table.")
            return SPLIT_NAMES[row["split"].lower()]
        first = path.relative_to(folder).parts[0] if path else ""
        return SPLIT_NAMES.get(first.lower())

    def _dealt(self, entries: list[Entry]) -> list[tuple[str | None, Entry]]:
        """Give each signer, or where there are too few each clip, to a split: by a hash, at least one to each."""
        signers = {entry.signer for entry in entries if entry.signer}
        group = {e.id: e.signer if e.signer and len(signers) >= FEWEST else e.id for e in entries}
        names = sorted(set(group.values()), key=lambda name: zlib.crc32(name.encode()))
        counts = {
            split: max(1, round(share * len(names))) if share and len(names) >= FEWEST else 0
            for split, share in (("dev", self.config.dev), ("test", self.config.test))
        }
        of_dev, of_test = set(names[: counts["dev"]]), set(names[counts["dev"] : sum(counts.values())])
        return [
            ("dev" if group[e.id] in of_dev else "test" if group[e.id] in of_test else "train", e)
            for e in entries
        ]

    def _clips(self, folder: Path) -> dict[Path, list[Path]]:
        """Clips in order, each with the texts beside it."""
        found = []
        for where, _, files in walk(folder):
            found += [
                (where / name, where / Path(name).stem) for name in files if _has_ending(name, self.endings)
            ]
            shown = self.pictures and any(_has_ending(name, PICTURES) for name in files)
            if where != folder and (shown or _is_locked(where)):
                found.append((where, where))
        return {
            path: [text for end in TEXTS if (text := stem.with_name(stem.name + end)).exists()]
            for path, stem in sorted(found)
        }

    def _name(self, folder: Path, path: Path | None, row: Row) -> str:
        if path is None:
            return Path(row.get("path", "")).with_suffix("").as_posix()
        relative = path.relative_to(folder)
        is_file = path.suffix.lower() in (*self.endings, ".txt", ".json")
        name = relative.with_suffix("").as_posix() if is_file else relative.as_posix()
        return f"{name}@{row['start']}" if "start" in row else name


def _has_ending(name: str, endings: tuple[str, ...]) -> bool:
    return name.lower().endswith(endings)


def _is_locked(folder: Path) -> bool:
    """Whether nobody can know what is in it; it is then told as a clip that cannot be read."""
    return not os.access(folder, os.R_OK | os.X_OK)


def _orphans(folder: Path, clips: Mapping[Path, list[Path]]) -> Iterator[Path]:
    """Texts without a clip."""
    used = {text for texts in clips.values() for text in texts}
    texts = (where / name for where, _, files in walk(folder) for name in files)
    yield from sorted(path for path in texts if path.suffix in TEXTS and path not in used)


def _beside(paths: list[Path]) -> Row:
    """What the files beside a clip say; a `.json` file has the columns of a table."""
    row: Row = {}
    for path in paths:
        try:
            content = path.read_text(encoding="utf-8-sig")
            if path.suffix == ".txt":
                row["text"] = content.strip()
            else:
                row |= known_columns({str(key): str(value) for key, value in json.loads(content).items()})
        except (ValueError, AttributeError):
            return {}  # the clip then has no text, and is listed as such
    return row
