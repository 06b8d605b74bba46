"""The common part of all readers of real datasets: a clip before it is decoded, and its decoding."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from pydantic import Field

from signvip import contracts
from signvip.contracts import SPLITS, Clip
from signvip.data import Generated, check_truth, digest, is_blank, marks, notice_beside, read_footage
from signvip.errors import DataError
from signvip.origin import check_pixels

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "dev": "dev",
    "val": "dev",
    "valid": "dev",
    "validation": "dev",
}
SPLIT_NAMES |= {"test": "test", "testing": "test"}


class Footage(contracts.Config):
    """Options of every reader of real clips."""

    source: Path = Field(description="folder of the dataset")
    generated: Generated = Field(
        "refuse", description="clips that say that a model made them: refuse or take"
    )
    fps: float = Field(25.0, gt=0, le=120, description="frames a second that clips are resampled to")
    longest: int = Field(
        960, ge=16, description="longer side of the pictures in pixels, as estimators see them"
    )


@dataclass(frozen=True)
class Entry:
    """One clip of a list: where its footage is, None where it is missing, and what the list says of it."""

    id: str
    path: Path | None
    text: str = ""
    gloss: str | None = None
    signer: str | None = None
    language: str = "und"
    text_language: str = "und"
    source: str = ""
    licence: str = ""
    start: float = 0.0
    end: float | None = None
    fault: str = ""  # why it cannot be used, where its list alone says so


def load(entry: Entry, options: Footage, picture_fps: float | None = None) -> Clip:
    """Decode one clip; DataError for one without text or footage, that is generated, or with a fault in the list."""
    check_told(entry, "clip")
    if entry.path is None or not entry.path.exists():
        raise DataError("the text has no clip" if entry.path is None else f"there is no footage {entry.path}")
    if not (entry.path.is_file() or entry.path.is_dir()):  # reading a pipe would wait for a writer for ever
        raise DataError(f"{entry.path} is not a file; put the footage itself there")
    notice = check_truth(entry.path, options.generated)  # before anything is decoded
    frames = read_footage(
        entry.path, options.fps, longest=options.longest, picture_fps=picture_fps, start=entry.start, end=entry.end
    )  # fmt: skip
    notice = notice or check_pixels(frames, options.fps, entry.path.name, options.generated)
    return Clip(
        id=entry.id,
        frames=frames,
        fps=options.fps,
        text=entry.text,
        language=entry.language,
        text_language=entry.text_language,
        gloss=entry.gloss,
        signer=entry.signer,
        source=entry.source,
        licence=entry.licence,
        notice=notice,
    )


def check_told(entry: Entry, thing: str) -> None:
    """Raise DataError for an entry with a fault, or without a text."""
    if entry.fault:
        raise DataError(entry.fault)
    if is_blank(entry.text):
        raise DataError(f"the {thing} has no text")


def stamp(entry: Entry, options: contracts.Config) -> str:
    """Return a hash of what a clip is made from: its labels, its files' names, sizes and times, and how it is read.

    What only says which clips there are is left out: the place of the dataset, its table, the shares of splits.
    """
    told = {**asdict(entry), "path": entry.path and entry.path.name}
    read = options.model_dump(mode="json", exclude={"source", "table", "features", "dev", "test", "deal"})
    files = [] if entry.path is None else marks([entry.path, notice_beside(entry.path)])
    return digest([told, read, files])


def timed(entry: Entry, start: str, end: str) -> Entry:
    """Cut the entry to a part of its footage, in seconds; what is not a time is a fault of this clip alone."""
    try:
        begin, stop = max(0.0, _seconds(start)), _seconds(end)
    except ValueError:
        return replace(entry, fault=f"'{start}' to '{end}' are not times in seconds; fix the table")
    if not begin < stop:
        return replace(entry, fault=f"it should begin at {start} s and end at {end} s; fix the table")
    return replace(entry, start=begin, end=None if stop == math.inf else stop)


def _seconds(word: str) -> float:
    """Return seconds, also with the comma of a German or French spreadsheet; not where it may part thousands."""
    return float(word.replace(",", ".") if re.fullmatch(r"-?\d+,\d{1,2}", word) else word)


def numbered(entries: Iterable[Entry]) -> Iterator[Entry]:
    """Yield the same with an id each: one that comes again is numbered, so that no row is lost."""
    taken: set[str] = set()
    for entry in entries:
        name = entry.id or "unnamed"
        names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
        free = next(name for name in names if name not in taken)
        taken.add(free)
        yield replace(entry, id=free)


def pick(entries: Mapping[str, Entry], split: str, clip_id: str) -> Entry:
    """Return the entry of an id; DataError where the split has none."""
    if clip_id not in entries:
        raise DataError(f"There is no clip '{clip_id}' in '{split}'; take one of ids('{split}').")
    return entries[clip_id]


def check_split(split: str) -> str:
    """Return the same split; DataError for a name that is not a split."""
    if split not in SPLITS:
        raise DataError(f"There is no split '{split}'; use one of {', '.join(SPLITS)}.")
    return split


def check_folder(source: Path) -> Path:
    """Return the same folder; DataError where there is none."""
    if not source.is_dir():
        raise DataError(f"There is no folder {source}; give the dataset as SOURCE.")
    return source
