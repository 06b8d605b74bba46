"""The reader `how2sign`: How2Sign (Duarte et al. 2021), front view, with the realigned sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from signvip.contracts import SPLITS, Clip
from signvip.data import VIDEOS, key_of, read_table, walk
from signvip.errors import DataError
from signvip_datasets.entries import (
    Entry,
    Footage,
    check_folder,
    check_split,
    load,
    numbered,
    pick,
    stamp,
    timed,
)
from signvip_datasets.names import Names

SOURCE, LICENCE = "How2Sign", "CC BY-NC 4.0"
COLUMNS = (
    *("VIDEO_ID", "VIDEO_NAME", "SENTENCE_NAME", "SENTENCE"),
    *("START_REALIGNED", "END_REALIGNED"),
)
THEIR_SPLITS = {"train": "train", "dev": "val", "test": "test"}


class How2Sign:
    """Instructions in American Sign Language (ASL).

    `how2sign_realigned_{train,val,test}.csv` (tabs or commas) and the footage are found anywhere in the folder: clips
    of sentences, SENTENCE_NAME.mp4, or whole videos, VIDEO_NAME.mp4, of which the seconds START_REALIGNED to
    END_REALIGNED are taken. The signer stands in the middle, so the centred crop of --fit is the front view's.
    """

    class Config(Footage):
        """`source` is the folder that holds the tables and the videos."""

    filmed = True

    def __init__(self, config: Config) -> None:
        self.config = config

    def ids(self, split: str) -> list[str]:
        """Return the names of sentences such as "-d5dN54tH2E_0-1-rgb_front"."""
        return list(self._splits[check_split(split)])

    def load(self, split: str, clip_id: str) -> Clip:
        """Decode one sentence; DataError where its footage is missing or ends before it begins."""
        return load(pick(self._splits[check_split(split)], split, clip_id), self.config)

    def stamp(self, split: str, clip_id: str) -> str:
        """Return a hash of what a clip is made from."""
        return stamp(self._splits[split][clip_id], self.config)

    @cached_property
    def _splits(self) -> dict[str, dict[str, Entry]]:
        folder = check_folder(self.config.source)
        files = sorted(where / name for where, _, names in walk(folder) for name in names)
        tables = {split: _table(files, theirs) for split, theirs in THEIR_SPLITS.items()}
        if not any(tables.values()):
            raise DataError(f"{folder} holds no how2sign_realigned_*.csv; give the folder that does.")
        videos = _Videos(path for path in files if path.suffix.lower() in VIDEOS)
        return {split: {e.id: e for e in numbered(_entries(tables[split], videos))} for split in SPLITS}


class _Videos:
    """Footage anywhere in the folder by its name without an ending, in either way to write letters and cases."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = {path.stem: path for path in paths}
        self._names = Names(Path(), map(Path, self._paths))

    def find(self, name: str) -> Path | None:
        found = self._names.find(name) if name else None
        return self._paths[str(found)] if found is not None else None


def _table(files: Sequence[Path], split: str) -> Path | None:
    wanted = f"how2sign_realigned_{split}.csv"
    return next((path for path in files if path.name.lower() == wanted), None)


def _entries(table: Path | None, videos: _Videos) -> Iterator[Entry]:
    if table is None:
        return
    found = read_table(table)
    missing = [name for name in COLUMNS if name not in found.columns]
    if missing:
        raise DataError(
            f"{table} has no column '{missing[0]}' and is not one of How2Sign's; give the original."
        )
    for row in found.rows:
        if row.fault:
            yield Entry(
                id=key_of(row.values.get("SENTENCE_NAME", "") or row.place), path=None, fault=row.fault
            )
        else:
            yield _entry({name: word.strip() for name, word in row.values.items()}, videos)


def _entry(row: Mapping[str, str], videos: _Videos) -> Entry:
    """Return a clip of its own where there is one; else the seconds of the whole video."""
    own = videos.find(row["SENTENCE_NAME"])
    entry = Entry(
        id=row["SENTENCE_NAME"],
        path=own or videos.find(row["VIDEO_NAME"]),
        text=row["SENTENCE"],
        signer=row["VIDEO_NAME"].rpartition("-rgb")[0].rpartition("-")[2] or None,
        language="ase",
        text_language="en",
        source=f"{SOURCE} {row['VIDEO_ID']}",
        licence=LICENCE,
    )
    return entry if own else timed(entry, row["START_REALIGNED"], row["END_REALIGNED"])
