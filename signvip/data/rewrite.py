"""Shards in, shards out: the same keys, more fields (`encode`, `tokenize`); started again, it resumes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from signvip.data import fields
from signvip.data.kept import Kept
from signvip.data.shards import Sample, read_shard, shard_paths, splits_of, writing_shard
from signvip.errors import DataError
from signvip.storage.files import remove_leftovers

MADE = "made"  # in a sample's json: {field: fingerprint of what wrote it}

Add = Callable[[Sample], Mapping[str, bytes]]


def rewrite_shards(
    source: str | Path,
    out: str | Path,
    add: Add,
    *,
    names: Sequence[str],
    stamp: str,
    splits: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write each shard of `source` to `out` (the same folder, too) with the fields that `add` returns.

    One output shard per input shard. A sample that has the fields `names` made by `stamp` (the fingerprint of the
    weights), and is otherwise as in `source`, is not made again: an interrupted run resumes, new weights redo all, and
    of a source that changed the clips that did. What `source` no longer has leaves `out` before anything is made.
    """
    source, out = Path(source), Path(out)
    chosen = splits_of(source) if splits is None else list(splits)
    shards = {split: {path: read_shard(path) for path in shard_paths(source, split)} for split in chosen}
    if not any(shards.values()):
        raise DataError(f"There are no shards in {source}; make them with: signvip preprocess")
    remove_leftovers(out)
    counter = _Counter(progress, sum(len(samples) for of in shards.values() for samples in of.values()))
    for of_split in shards.values():
        _Split(source, out, of_split, names, stamp)(add, counter)


def follow(source: Path, out: Path) -> dict[str, list[str]]:
    """Take out of `out` what `source` no longer has in any split; the ids that left, by split."""
    keys = {
        split: {sample.key for path in shard_paths(source, split) for sample in read_shard(path)}
        for split in splits_of(out)
    }
    kept = Kept(out)
    left = kept.leaving(keys)
    kept.prune(keys)
    return left


class _Counter:
    """Reports how many samples are done."""

    def __init__(self, progress: Callable[[int, int], None] | None, total: int) -> None:
        self.progress, self.total, self.done = progress, total, 0

    def __call__(self, samples: int = 1) -> None:
        self.done += samples
        if self.progress:
            self.progress(self.done, self.total)


def has_fields(sample: Sample, names: Sequence[str], stamp: str) -> bool:
    """Return whether a sample has these fields, made by the weights of this fingerprint."""
    made = sample.load(fields.META).get(MADE, {})
    return all(name in sample.members and made.get(name) == stamp for name in names)


class _Split:
    """The shards of a split, by path in the source, and what of them is there already."""

    def __init__(
        self, source: Path, out: Path, shards: Mapping[Path, list[Sample]], names: Sequence[str], stamp: str
    ) -> None:
        self.out, self.shards, self.names, self.stamp = out, shards, names, stamp
        self.in_place = source.resolve() == out.resolve()
        self.kept = Kept(out)

    def __call__(self, add: Add, count: _Counter) -> None:
        split = next((path.name.partition("-")[0] for path in self.shards), None)
        if split is None:
            return
        there = {sample.key for samples in self.shards.values() for sample in samples}
        self.kept.prune({split: there})
        old = self.kept.by_key(shard_paths(self.out, split))
        ready = {
            sample.key for samples in self.shards.values() for sample in samples if self._holds(sample, old)
        }
        waiting = {
            path: samples for path, samples in self.shards.items() if not self._finished(path, samples, ready)
        }
        count(sum(len(samples) for path, samples in self.shards.items() if path not in waiting))
        reused = [
            old[sample.key] for samples in waiting.values() for sample in samples if sample.key in ready
        ]
        self.kept.hold(reused, [self.out / path.name for path in waiting])
        with closing(self.kept):
            for path, samples in waiting.items():
                with writing_shard(self.out / path.name) as writer:
                    for sample in samples:
                        writer.write(
                            sample.key, self._members(sample, old if sample.key in ready else {}, add)
                        )
                        count()
        for path in set(shard_paths(self.out, split)) - {self.out / path.name for path in self.shards}:
            path.unlink()

    def _members(self, sample: Sample, old: Mapping[str, Sample], add: Add) -> dict[str, bytes]:
        if sample.key in old:
            return self.kept.take(old[sample.key])
        members = {name: sample.read(name) for name in sample.members}
        added = add(sample)
        members.update(added)
        meta = sample.load(fields.META)
        meta[MADE] = {**meta.get(MADE, {}), **dict.fromkeys(added, self.stamp)}
        members[fields.META] = fields.encode(fields.META, meta)
        return members

    def _finished(self, path: Path, samples: list[Sample], ready: set[str]) -> bool:
        """Return whether a shard of the output holds these samples, all of them ready."""
        present = [sample.key for sample in self.kept.samples(self.out / path.name)]
        return present == [sample.key for sample in samples] and ready.issuperset(present)

    def _holds(self, sample: Sample, old: Mapping[str, Sample]) -> bool:
        """Return whether the output has a sample with these fields by this stamp and the rest as in the source."""
        found = old.get(sample.key)
        try:
            if found is None or not has_fields(found, self.names, self.stamp):
                return False
            return self.in_place or self._equal(sample, found)
        except (DataError, AttributeError):
            return False

    def _equal(self, sample: Sample, found: Sample) -> bool:
        """Return whether everything that was copied from a sample is still the same there."""
        own, copied = ({**one.load(fields.META), MADE: None} for one in (sample, found))
        compared = sample.members.keys() - {*self.names, fields.META}
        return own == copied and all(
            name in found.members and sample.read(name) == found.read(name) for name in compared
        )
