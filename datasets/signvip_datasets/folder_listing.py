"""Clips of a folder with their texts: files beside them, or one table; and which split each is in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from signvip import contracts
from signvip.contracts import SPLITS
from signvip.data import PICTURES, Generated, Row, composed, is_hidden, key_of, read_table, walk
from signvip.errors import DataError
from signvip_datasets.beside import TEXTS, Told, read_beside
from signvip_datasets.entries import SPLIT_NAMES, Entry, check_folder, numbered, timed
from signvip_datasets.names import Names

TABLES = (".tsv", ".csv", ".jsonl")


class Listed(contracts.Config):
    """Options of a folder whose clips are listed by a table, or have their texts beside them."""

    source: Path = Field(description="folder of the dataset")
    table: Path | None = Field(None, description="TSV, CSV or JSON lines, relative to the folder")
    encoding: str | None = Field(
        None, description="of the table, such as cp1252, where it is not UTF-8 or 16"
    )
    deal: Literal["signer", "clip"] = Field(
        "signer", description="what goes to one split where nothing says which: all of a signer, or a clip"
    )
    dev: float = Field(0.1, ge=0, lt=1, description="share of dev where nothing says which clips are dev")
    test: float = Field(0.1, ge=0, lt=1, description="share of test")
    language: str = Field("und", description="ISO 639-3 of the sign language, where the table does not say")
    text_language: str = Field("und", description="BCP 47 of the texts")
    licence: str = Field("", description="under which the clips may be used")
    generated: Generated = Field(
        "refuse", description="clips that say that a model made them: refuse or take"
    )


@dataclass(frozen=True)
class _Listed:
    """An entry, its split where something says it, and the name that it is dealt by."""

    entry: Entry
    split: str | None
    name: str


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
        entries = numbered(one.entry for one in listed)
        dealt = not any(one.split for one in listed)
        found: dict[str, dict[str, Entry]] = {split: {} for split in SPLITS}
        for one, entry in zip(listed, entries, strict=True):
            if dealt:
                found[self._deal(entry, one.name)][entry.id] = entry
            else:
                found[one.split or "train"][entry.id] = entry if one.split else _unplaced(entry)
        return found

    def _deal(self, entry: Entry, name: str) -> str:
        """Return the split of a clip by a hash of its signer's name or its own: no other clip has a say in it."""
        group = entry.signer if entry.signer and self.config.deal == "signer" else name
        place = int.from_bytes(hashlib.sha256(composed(group).encode()).digest()[:8]) / 2**64
        if place < self.config.test:
            return "test"
        return "dev" if place >= 1 - self.config.dev else "train"

    def _listed(self) -> Iterator[_Listed]:
        """Yield all clips and all texts."""
        folder = check_folder(self.config.source)
        clips = self._clips(folder)
        table = self._table(folder)
        used = set()
        if table is not None:
            names = Names(folder, clips, self.endings)
            for row in read_table(table, self.config.encoding).require("path", "text").rows:
                path = names.find(row.known.get("path", ""))
                yield self._of_row(row, path, folder)
                used.add(path)
        for path, texts in clips.items():
            if path not in used:
                yield self._of_told(Told() if table else read_beside(texts), path, path, folder)
        if table is None:
            for text in _orphans(folder, clips):
                yield self._of_told(read_beside([text]), None, text, folder)

    def _table(self, folder: Path) -> Path | None:
        if self.config.table is not None:
            return folder / self.config.table
        found = sorted(
            path for path in folder.iterdir() if path.suffix.lower() in TABLES and not is_hidden(path.name)
        )
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise DataError(f"{folder} has several tables ({names}); choose by --set dataset.table=NAME.")
        return found[0] if found else None

    def _of_row(self, row: Row, path: Path | None, folder: Path) -> _Listed:
        """List the clip of a table's row; one with a fault is named by its place, unless its clip is found."""
        known = {"path": row.known.get("path", "")} if row.fault else row.known
        if path is not None:
            name = self._name(path, folder)
        else:
            name = row.place if row.fault else _named(known.get("path", ""))
        name += f"@{known['start']}" if "start" in known else ""
        return self._made(Told(known, row.fault), path, name, folder)

    def _of_told(self, told: Told, path: Path | None, file: Path, folder: Path) -> _Listed:
        return self._made(told, path, self._name(file, folder), folder)

    def _made(self, told: Told, path: Path | None, name: str, folder: Path) -> _Listed:
        known = told.known
        entry = Entry(
            id=key_of(name.removesuffix("/") or "unnamed"),
            path=path,
            text=known.get("text", ""),
            gloss=known.get("gloss"),
            signer=known.get("signer"),
            language=known.get("language", self.config.language),
            text_language=known.get("text_language", self.config.text_language),
            source=known.get("source", composed(path.name) if path else ""),
            licence=known.get("licence", self.config.licence),
            fault=told.fault,
        )
        if not told.fault:
            entry = timed(entry, known.get("start", "0"), known.get("end", "inf"))
        said = known.get("split")
        if said is None:
            return _Listed(entry, _split_of(path, folder), name)
        split = SPLIT_NAMES.get(said.lower())
        if split is None:
            entry = replace(entry, fault=f"'{said}' is not a split; write train, dev or test")
        return _Listed(entry, split, name)

    def _clips(self, folder: Path) -> dict[Path, list[Path]]:
        """Return clips in order, each with the texts beside it."""
        found: dict[Path, list[Path]] = {}
        beside: dict[Path, dict[str, list[Path]]] = {}
        for where, _, files in walk(folder):
            beside[where] = _texts(where, files)
            for name in files:
                if name.lower().endswith(self.endings):
                    found[where / name] = beside[where].get(composed(Path(name).stem), [])
            shown = self.pictures and any(name.lower().endswith(PICTURES) for name in files)
            if where != folder and (shown or _is_locked(where)):
                found[where] = beside[where.parent].get(composed(where.name), [])
        return {path: found[path] for path in sorted(found, key=lambda path: composed(str(path)))}

    def _name(self, path: Path, folder: Path) -> str:
        """Return its path within the folder, without the ending of a file."""
        is_file = path.suffix.lower() in (*self.endings, *TEXTS)
        relative = path.relative_to(folder)
        return composed((relative.with_suffix("") if is_file else relative).as_posix())


def _unplaced(entry: Entry) -> Entry:
    """Return the entry as one that nobody may train on, since others have a split and it has none."""
    if entry.fault or not entry.text or entry.path is None or not entry.path.exists():
        return entry
    return replace(
        entry, fault="nothing says in which split it is, as something does of others; say it, or leave it out"
    )


def _named(name: str) -> str:
    """Return the name of a file that is not there, as `_name` has it of one that is."""
    return composed(Path(name.replace("\\", "/")).with_suffix("").as_posix()) if name else ""


def _split_of(path: Path | None, folder: Path) -> str | None:
    """Return the split that a folder above a clip is called by; the outermost of several."""
    parts = path.relative_to(folder).parts if path else ()
    return next((SPLIT_NAMES[part.lower()] for part in parts if part.lower() in SPLIT_NAMES), None)


def _texts(where: Path, files: list[str]) -> dict[str, list[Path]]:
    """Return the texts of a folder by their stems, `.txt` first."""
    found: dict[str, list[Path]] = {}
    for ending in TEXTS:
        for name in files:
            if name.lower().endswith(ending):
                found.setdefault(composed(Path(name).stem), []).append(where / name)
    return found


def _is_locked(folder: Path) -> bool:
    """Say whether a folder cannot be looked into; it is then listed as a clip that cannot be read."""
    return not os.access(folder, os.R_OK | os.X_OK)


def _orphans(folder: Path, clips: Mapping[Path, list[Path]]) -> Iterator[Path]:
    """Yield texts without a clip."""
    used = {text for texts in clips.values() for text in texts}
    texts = (where / name for where, _, files in walk(folder) for name in files)
    yield from sorted(path for path in texts if path.suffix.lower() in TEXTS and path not in used)
