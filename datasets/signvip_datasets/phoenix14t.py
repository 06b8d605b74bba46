"""The reader `phoenix14t`: RWTH-PHOENIX-Weather 2014 T (Camgöz et al. 2018), as it is distributed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from pydantic import Field

from signvip.contracts import SPLITS, Clip
from signvip.data import VIDEOS, is_hidden, key_of, read_table, walk
from signvip.errors import DataError
from signvip_datasets.entries import Entry, Footage, check_folder, check_split, load, numbered, pick, stamp
from signvip_datasets.names import Names

RATE = 25.0  # frames a second of the broadcasts
SOURCE = "RWTH-PHOENIX-Weather 2014 T"
LICENCE = "research, non-commercial (RWTH Aachen)"
LISTS = (
    "PHOENIX-2014-T.{}.corpus.csv",
    "PHOENIX-2014-T.{}-complex-annotation.corpus.csv",
    "phoenix2014t.{}.csv",
)
PICTURES = ("fullFrame-210x260px", "fullFrame-227x227px")
OF_SPLIT = ("{}", "{}_processed_videos")  # the second is what the paper's authors call theirs


class Phoenix14T:
    """German weather forecasts in German Sign Language (DGS).

    Lists with bars, `name|video|start|end|speaker|orth|translation` or `id|signer|annotation|translation`, are found
    anywhere in the folder, and so is the footage: `features/fullFrame-210x260px/SPLIT/NAME/images0001.png`, or videos
    `SPLIT/NAME.mp4` or `SPLIT_processed_videos/NAME.mp4`. Texts and glosses are kept as they are.
    """

    class Config(Footage):
        """`source` is the folder of the release, or any folder that holds lists and footage."""

        features: Path | None = Field(
            None, description="folder that holds train, dev and test; by default found"
        )

    filmed = True

    def __init__(self, config: Config) -> None:
        self.config = config

    def ids(self, split: str) -> list[str]:
        """Return names such as "11August_2010_Wednesday_tagesschau-1"."""
        return list(self._splits[check_split(split)])

    def load(self, split: str, clip_id: str) -> Clip:
        """Decode one clip; DataError for one without footage."""
        return load(pick(self._splits[check_split(split)], split, clip_id), self.config, RATE)

    def stamp(self, split: str, clip_id: str) -> str:
        """Return a hash of what a clip is made from."""
        return stamp(self._splits[split][clip_id], self.config)

    @cached_property
    def _splits(self) -> dict[str, dict[str, Entry]]:
        folder = check_folder(self.config.source)
        files, folders = _found(folder)
        lists = {split: _list(files, split) for split in SPLITS}
        if not any(lists.values()):
            raise DataError(
                f"{folder} holds no list such as {LISTS[0].format('train')}; give the folder of the release."
            )
        features = self.config.features or _features(folder, folders)
        return {
            split: {entry.id: entry for entry in numbered(_entries(path, _footage(features, split)))}
            for split, path in lists.items()
        }


def _found(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the tables and folders anywhere below, but not within the footage: it has a million pictures."""
    files, folders = [], []
    for where, names, contents in walk(folder):
        files += [where / name for name in contents if name.lower().endswith(".csv")]
        folders += [where / name for name in names]
        names[:] = [name for name in names if name not in PICTURES]
    return sorted(files), sorted(folders)


def _list(files: Sequence[Path], split: str) -> Path | None:
    names = [name.format(split) for name in LISTS]
    return next((path for name in names for path in files if path.name.lower() == name.lower()), None)


def _features(folder: Path, folders: Sequence[Path]) -> Path:
    """Return the folder that holds one folder of footage for each split."""
    found = [path for name in PICTURES for path in folders if path.name == name]
    of_split = [name.format(split) for name in OF_SPLIT for split in SPLITS]
    found += [path.parent for name in of_split for path in folders if path.name == name]
    if not found:
        raise DataError(
            f"{folder} holds neither features/{PICTURES[0]} nor folders of videos called train, dev and test; name "
            "their folder by --set dataset.features=FOLDER."
        )
    return found[0]


def _footage(features: Path, split: str) -> Path:
    paths = [features / name.format(split) for name in OF_SPLIT]
    return next((path for path in paths if path.is_dir()), paths[0])


def _entries(table: Path | None, footage: Path) -> Iterator[Entry]:
    if table is None:
        return
    names = Names(footage, footage.iterdir() if footage.is_dir() else (), VIDEOS)
    for row in read_table(table).require("text").rows:
        name = (row.values.get("name") or row.values.get("id") or "").strip()
        if row.fault:
            yield Entry(id=key_of(name or row.place), path=None, fault=row.fault)
            continue
        known = row.known
        yield Entry(
            id=name,
            path=_path(names, name, row.values.get("video", "")) if name else None,
            text=known.get("text", ""),
            gloss=known.get("gloss"),
            signer=known.get("signer"),
            language="gsg",
            text_language="de",
            source=SOURCE,
            licence=LICENCE,
        )


def _path(names: Names, name: str, pattern: str) -> Path | None:
    """NAME.mp4, the folder that the list names (NAME/1/*.png), or NAME, which the release has in its stead."""
    found = names.find(name)  # with its ending, or the folder
    video = next((path for end in VIDEOS if (path := names.find(f"{name}{end}")) is not None), None)
    if video is not None and video.is_file():
        return video
    inner = Path(pattern.replace("\\", "/")).parent.name if pattern else ""
    folders = [found / inner, found] if found is not None else []
    return next((path for path in folders if _has_files(path)), None)


def _has_files(path: Path) -> bool:
    return path.is_dir() and any(file.is_file() and not is_hidden(file.name) for file in path.iterdir())
