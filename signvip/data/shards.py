"""Shards in and out: plain WebDataset tars, written whole or not at all, read by key without unpacking."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from signvip.contracts import SPLITS
from signvip.data import fields
from signvip.data.manifest import check_current
from signvip.errors import DataError
from signvip.registry import drawing
from signvip.storage.files import fault_of_name, replacing

if TYPE_CHECKING:
    import numpy as np

_NAME = re.compile(rf"({'|'.join(SPLITS)})-(\d{{6,}})\.tar")


def shard_path(folder: Path, split: str, index: int) -> Path:
    """`{split}-{index:06d}.tar` in a folder."""
    return folder / f"{split}-{index:06d}.tar"


def shard_paths(folder: Path, split: str) -> list[Path]:
    """Return all shards of a split, in order."""
    return sorted(path for path in folder.glob(f"{split}-*.tar") if _NAME.fullmatch(path.name))


def splits_of(folder: Path) -> list[str]:
    """Return the splits that a folder holds shards of, in the order of `SPLITS`."""
    return [split for split in SPLITS if shard_paths(folder, split)]


class TarWriter:
    """Adds samples to one open tar; equal samples give equal bytes (no times, no owners)."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.samples = 0

    def write(self, key: str, members: Mapping[str, bytes]) -> None:
        """Append one sample: {field: bytes}."""
        assert members and "." not in key and "/" not in key, f"unfit key {key!r}"
        for name, data in members.items():
            member = tarfile.TarInfo(f"{key}.{name}")
            member.size, member.mode = len(data), 0o644
            self._tar.addfile(member, io.BytesIO(data))
        self.samples += 1


@contextmanager
def writing_shard(path: Path) -> Iterator[TarWriter]:
    """Write one shard; it appears at `path` when the block ends well, and not when nothing was written."""
    with replacing(path) as temporary:
        with tarfile.open(temporary, "w") as tar:
            writer = TarWriter(tar)
            yield writer
        if not writer.samples:
            temporary.unlink()


class ShardWriter:
    """Write a split sample by sample; a new shard begins after `max_samples` samples or `max_bytes` bytes."""

    def __init__(self, folder: str | Path, split: str, max_samples: int = 64, max_bytes: int = 2**30) -> None:
        self.folder, self.split = Path(folder), split
        self.max_samples, self.max_bytes = max_samples, max_bytes
        self._shards = self._bytes = 0
        self._shard: Any = None

    def __enter__(self) -> ShardWriter:
        return self

    def write(self, key: str, members: Mapping[str, bytes]) -> None:
        """Append one sample: {field: bytes}; the key has no dots."""
        if self._shard is None:
            self._shard = writing_shard(shard_path(self.folder, self.split, self._shards))
            self._writer: TarWriter = self._shard.__enter__()
        self._writer.write(key, members)
        self._bytes += sum(map(len, members.values()))
        if self._writer.samples >= self.max_samples or self._bytes >= self.max_bytes:
            self.__exit__(None, None, None)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shard is not None:
            shard, self._shard = self._shard, None
            self._shards, self._bytes = self._shards + 1, 0
            shard.__exit__(kind, error, trace)


@dataclass(frozen=True)
class Sample:
    """One sample of a shard on disk: where the bytes of each field lie."""

    key: str
    shard: Path
    members: dict[str, tuple[int, int]] = field(default_factory=dict)  # field -> (offset, size)

    def read(self, name: str) -> bytes:
        """Return the bytes of a field; DataError with the command that writes it where the sample lacks it."""
        if name not in self.members:
            command = f"{fields.maker(name)} {self.shard.parent}"
            raise DataError(f"{self.key} in {self.shard} has no {name}; write it with: {command}")
        offset, size = self.members[name]
        with self.shard.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
        if len(data) < size:
            raise DataError(_damaged(self.shard, "it became shorter"))
        return data

    def load(self, name: str) -> Any:
        """Return a field decoded: npz dict, npy array, json dict, txt str, mp4 (frames, fps)."""
        data = self.read(name)
        try:
            return fields.decode(name, data)
        except DataError as error:
            raise DataError(f"{name} of {self.key} in {self.shard}: {error}") from error
        except Exception as error:  # zip, JSON, NumPy and Unicode each have errors of their own for damage
            raise DataError(_damaged(self.shard, f"{name} of {self.key} cannot be read: {error}")) from error


def read_shard(path: Path) -> list[Sample]:
    """Scan the headers of one tar; DataError where it is damaged, cut short, or holds more than files."""
    samples: dict[str, Sample] = {}
    try:
        size, end = path.stat().st_size, 0
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                if member.isdir():
                    continue
                if fault := _fault_of_member(member) or ("goes beyond the file" if end > size else ""):
                    raise DataError(_damaged(path, f"its member {member.name[:80]} {fault}"))
                key, _, name = member.name.removeprefix("./").partition(".")
                sample = samples.setdefault(key, Sample(key, path))
                if name in sample.members:
                    raise DataError(_damaged(path, f"its member {member.name[:80]} comes twice"))
                sample.members[name] = (member.offset_data, member.size)
        with path.open("rb") as file:
            file.seek(end)
            ended = end < size and not any(file.read(2 * tarfile.BLOCKSIZE))
    except FileNotFoundError as error:
        raise DataError(f"There is no shard {path}; make it with: signvip preprocess") from error
    except DataError:
        raise
    except Exception as error:  # tarfile lets errors of numbers, codings and memory pass
        raise DataError(_damaged(path, str(error))) from error
    if not ended:  # a tar cut between two members, or with a spoilt header, reads like a shorter one
        raise DataError(_damaged(path, "its end is missing"))
    return list(samples.values())


def _fault_of_member(member: tarfile.TarInfo) -> str:
    """Explain why a member cannot belong to a sample: it is not a plain file, or its name would be a path elsewhere."""
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.sparse is not None or member.size < 0:
        return "is not a plain file"
    name = member.name.removeprefix("./")
    key, dot, field = name.partition(".")
    if not (key and dot and field) or "/" in name:
        return "has no name of the form key.field"
    return fault_of_name(name)


class ShardIndex:
    """The samples of a split, in order, for random access; offsets are kept in memory, files are not open."""

    def __init__(self, folder: str | Path, split: str) -> None:
        self.folder, self.split = Path(folder), split
        self.shards = shard_paths(self.folder, split)
        if not self.shards:
            raise DataError(
                f"There are no {split} shards in {folder}; make them with: signvip preprocess --split {split}"
            )
        check_current(self.folder)
        self.samples = [sample for path in self.shards for sample in read_shard(path)]
        _refuse_twins(self.samples)
        if not self.samples:
            raise DataError(_damaged(self.shards[0], "no clip is in it, nor in others of its split"))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        return self.samples[index]

    @property
    def keys(self) -> list[str]:
        return [sample.key for sample in self.samples]

    @property
    def identity(self) -> str:
        """Twelve hex digits over which clips there are, their texts, and the sizes of their videos and conditions.

        What `encode` and `tokenize` add is not part of it.
        """
        found = hashlib.sha256()
        for sample in sorted(self.samples, key=lambda sample: sample.key):
            sizes = {name: size for name, (_, size) in sample.members.items() if _is_source(name)}
            found.update(repr((sample.key, sorted(sizes.items()))).encode())
            found.update(sample.read(fields.TEXT) if fields.TEXT in sizes else b"")
        return found.hexdigest()[:12]

    def fields(self, index: int) -> list[str]:
        """Return the names of the fields of a sample."""
        return list(self.samples[index].members)

    def has(self, name: str) -> bool:
        """Return whether every sample has a field."""
        return all(name in sample.members for sample in self.samples)

    def read(self, index: int, name: str) -> bytes:
        """Return the bytes of a field; DataError where the sample lacks it or the shard is damaged."""
        return self.samples[index].read(name)

    def load(self, index: int, name: str) -> Any:
        """Return a field decoded; DataError as `read`."""
        return self.samples[index].load(name)

    @cached_property
    def _points_field(self) -> str | None:
        """The field in which keypoints are stored, as the first sample has it."""
        if not self.samples:
            return None
        names = [name for name in self.samples[0].members if name.endswith(fields.condition_field(""))]
        found = fields.find_points({name: self.load(0, name) for name in names})
        return None if found is None else found[0]

    @property
    def has_keypoints(self) -> bool:
        """Return whether keypoints are stored for a condition of every sample, whatever a run is conditioned on."""
        return self._points_field is not None and self.has(self._points_field)

    def keypoints(self, index: int) -> np.ndarray:
        """Stored keypoints (F, 128, 3) of a clip as its condition has them; DataError where there are none."""
        if self._points_field is None:
            how = drawing("keypoints")
            raise DataError(f"{self.folder} stores no keypoints; add them with: signvip preprocess {how}")
        points: np.ndarray = self.load(index, self._points_field)["keypoints"]
        return points


def _refuse_twins(samples: Iterable[Sample]) -> None:
    """DataError for a clip that is in two shards: it would count twice."""
    found: dict[str, Path] = {}
    for sample in samples:
        if found.setdefault(sample.key, sample.shard) != sample.shard:
            raise DataError(
                f"{sample.key} is in {found[sample.key]} and in {sample.shard}: one is a copy, or the command that "
                "made this folder was stopped; run it again."
            )


def _is_source(name: str) -> bool:
    return name in (fields.VIDEO, fields.TEXT) or name.endswith(".npz")


def _damaged(path: Path, reason: str) -> str:
    return f"{path} is damaged ({reason}); delete it and run the command that made this folder again."
