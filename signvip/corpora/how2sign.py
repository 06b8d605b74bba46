"""The reader `how2sign`: How2Sign (Duarte et al. 2021), front view, with the realigned sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from signvip.contracts import SPLITS, Clip
from signvip.corpora.entries import Entry, Footage, check_folder, check_split, load, numbered, pick, timed
from signvip.corpora.tables import Row, read_table
from signvip.data.files import walk
from signvip.data.footage import VIDEOS
from signvip.errors import DataError

SOURCE, LICENCE = "How2Sign", "CC BY-NC 4.0"
THEIR_SPLITS = {"train": "train", "dev": "val", "test": "test"}


class How2Sign:
    """Instructions in American Sign Language (ASL).

    `how2sign_realigned_{train,val,test}.csv` (tabs or commas) and the footage are found anywhere in the folder: clips
    of sentences, SENTENCE_NAME.mp4, or whole videos, VIDEO_NAME.mp4, of which the seconds START_REALIGNED to
    END_REALIGNED are taken. The signer stands in the middle, so the centred crop of --fit is the front view's.
    """

    class Config(Footage):
        """`source` is the folder that holds the tables and the videos."""

    def __init__(self, config: Config) -> None:
        self.config = config

    def ids(self, split: str) -> list[str]:
        """Names of sentences such as "-d5dN54tH2E_0-1-rgb_front"."""
        return list(self._splits[check_split(split)])

    def load(self, split: str, clip_id: str) -> Clip:
        """Decode one sentence; DataError where its footage is missing or ends before it begins."""
        return load(pick(self._splits[check_split(split)], split, clip_id), self.config)

    @cached_property
    def _splits(self) -> dict[str, dict[str, Entry]]:
        folder = check_folder(self.config.source)
        files = sorted(where / name for where, _, names in walk(folder) for name in names)
        tables = {split: _table(files, theirs) for split, theirs in THEIR_SPLITS.items()}
        if not any(tables.values()):
            raise DataError(f"{folder} holds no how2sign_realigned_*.csv; give the folder that does.")
        videos = {path.stem: path for path in files if path.suffix.lower() in VIDEOS}
        return {split: {e.id: e for e in numbered(_entries(tables[split], videos))} for split in SPLITS}


def _table(files: Sequence[Path], split: str) -> Path | None:
    return next((path for path in files if path.name == f"how2sign_realigned_{split}.csv"), None)


def _entries(table: Path | None, videos: Mapping[str, Path]) -> Iterator[Entry]:
    for row in read_table(table) if table else ():
        try:
            yield _entry(row, videos)
        except KeyError as error:
            raise DataError(
                f"{table} has no column {error} and is none of How2Sign's; give the original."
            ) from error


def _entry(row: Row, videos: Mapping[str, Path]) -> Entry:
    """A clip of its own where there is one; else the seconds of the whole video."""
    name = row["SENTENCE_NAME"].strip()
    whole = name not in videos
    entry = Entry(
        id=name,
        path=videos.get(row["VIDEO_NAME"].strip() if whole else name),
        text=row["SENTENCE"].strip(),
        signer=row["VIDEO_NAME"].rpartition("-rgb")[0].rpartition("-")[2] or None,
        language="ase",
        text_language="en",
        source=f"{SOURCE} {row['VIDEO_ID'].strip()}",
        licence=LICENCE,
    )
    return timed(entry, row["START_REALIGNED"], row["END_REALIGNED"]) if whole else entry
