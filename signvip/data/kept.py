"""Samples that a folder of shards holds already: taken over where they still hold, taken out where they left."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from signvip.data import fields
from signvip.data.shards import Sample, read_shard, shard_paths, writing_shard
from signvip.errors import DataError
from signvip.storage.files import PARTIAL


class Kept:
    """The samples of a folder's shards; they can be read also after another shard took their shard's place."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, list[Sample]] = {}
        self._held: dict[Path, Path] = {}
        self._needed: Counter[Path] = Counter()

    def samples(self, path: Path) -> list[Sample]:
        """Return the samples of a shard as it was at first; none where it is missing or damaged."""
        if path not in self._read:
            try:
                self._read[path] = read_shard(path)
            except DataError:
                self._read[path] = []
        return self._read[path]

    def leaving(self, dealt: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
        """Return the ids of clips that the folder holds and their split no longer has, by split."""
        left: dict[str, list[str]] = {}
        for split, keys in dealt.items():
            for path in shard_paths(self.folder, split):
                gone = [_id(sample) for sample in self.samples(path) if sample.key not in keys]
                if gone:
                    left.setdefault(split, []).extend(gone)
        return left

    def prune(self, dealt: Mapping[str, Collection[str]]) -> None:
        """Take that out of the folder."""
        for split, keys in dealt.items():
            for path in shard_paths(self.folder, split):
                samples = self.samples(path)
                staying = [sample for sample in samples if sample.key in keys]
                if len(staying) < len(samples):
                    _write(path, staying)
                    del self._read[path]  # what is left lies elsewhere in it

    def by_key(self, paths: Iterable[Path]) -> dict[str, Sample]:
        """Return the samples of some shards."""
        return {sample.key: sample for path in paths for sample in self.samples(path)}

    def hold(self, samples: Iterable[Sample], replaced: Collection[Path]) -> None:
        """Keep what is still to be taken of shards that are to be replaced, by another name of the same file."""
        self._needed = Counter(sample.shard for sample in samples)
        for path in set(replaced) & set(self._needed):
            held = path.with_name(f".{path.name}.{os.getpid()}.kept{PARTIAL}")
            try:
                os.link(path, held)
            except OSError:  # a file system without links
                shutil.copyfile(path, held)
            self._held[path] = held

    def take(self, sample: Sample) -> dict[str, bytes]:
        """Return all members of a sample that is held, once."""
        source = replace(sample, shard=self._held.get(sample.shard, sample.shard))
        members = {name: source.read(name) for name in sample.members}
        self._needed[sample.shard] -= 1
        if not self._needed[sample.shard] and sample.shard in self._held:
            self._held.pop(sample.shard).unlink()
        return members

    def close(self) -> None:
        """Let go of what is held."""
        for held in self._held.values():
            held.unlink(missing_ok=True)
        self._held = {}


def _write(path: Path, samples: Collection[Sample]) -> None:
    if not samples:
        path.unlink()
        return
    with writing_shard(path) as writer:
        for sample in samples:
            writer.write(sample.key, {name: sample.read(name) for name in sample.members})


def _id(sample: Sample) -> str:
    try:
        return str(sample.load(fields.META)["id"])
    except (DataError, KeyError, TypeError):
        return sample.key
