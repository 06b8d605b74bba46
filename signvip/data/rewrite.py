"""Shards in, shards out: the same keys, more fields (`encode`, `tokenize`); started again, it resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from signvip.data import fields
from signvip.data.files import remove_leftovers
from signvip.data.shards import Sample, read_shard, shard_paths, splits_of, writing_shard
from signvip.errors import DataError

MADE = "made"  # in a sample's json: {field: fingerprint of what wrote it}


def rewrite_shards(
    source: str | Path,
    out: str | Path,
    add: Callable[[Sample], Mapping[str, bytes]],
    *,
    names: Sequence[str],
    stamp: str,
    splits: Sequence[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Write each shard of `source` to `out` (the same folder, too) with the fields that `add` returns.

    One output shard per input shard. A shard whose samples all have the fields `names` made by `stamp` (the
    fingerprint of the weights) is left alone, so that an interrupted run resumes and new weights redo all.
    """
    source, out = Path(source), Path(out)
    chosen = splits_of(source) if splits is None else list(splits)
    shards = {path: read_shard(path) for split in chosen for path in shard_paths(source, split)}
    if not shards:
        raise DataError(f"There are no shards in {source}; make them with: signvip preprocess")
    remove_leftovers(out)
    inside = source.resolve() == out.resolve()
    done, total = 0, sum(map(len, shards.values()))
    for path, samples in shards.items():
        if not _finished(out / path.name, samples, names, stamp, inside):
            for number, _ in enumerate(_rewrite(samples, out / path.name, add, stamp)):
                _report(progress, done + number, total)
        done += len(samples)
        _report(progress, done, total)


def _report(progress: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if progress:
        progress(done, total)


def _rewrite(
    samples: list[Sample], target: Path, add: Callable[[Sample], Mapping[str, bytes]], stamp: str
) -> Iterator[None]:
    with writing_shard(target) as writer:
        for sample in samples:
            members = {name: sample.read(name) for name in sample.members}
            added = add(sample)
            members.update(added)
            meta = fields.decode(fields.META, members[fields.META])
            meta[MADE] = {**meta.get(MADE, {}), **dict.fromkeys(added, stamp)}
            members[fields.META] = fields.encode(fields.META, meta)
            writer.write(sample.key, members)
            yield


def remove_strays(source: Path, out: Path) -> None:
    """Remove the shards of `out` that `source` does not have, or no longer."""
    for split in splits_of(out):
        for path in shard_paths(out, split):
            if not (source / path.name).exists():
                path.unlink()


def has_fields(sample: Sample, names: Sequence[str], stamp: str) -> bool:
    """Whether a sample has these fields, made by the weights of this fingerprint."""
    made = sample.load(fields.META).get(MADE, {})
    return all(name in sample.members and made.get(name) == stamp for name in names)


def _finished(target: Path, samples: list[Sample], names: Sequence[str], stamp: str, inside: bool) -> bool:
    """Whether a shard holds these samples, as they are now, with these fields; a damaged one does not."""
    try:
        present = read_shard(target) if target.exists() else []
        return [sample.key for sample in present] == [sample.key for sample in samples] and all(
            has_fields(there, names, stamp) and (inside or _same(sample, there, names))
            for sample, there in zip(samples, present, strict=True)
        )
    except DataError:
        return False


def _same(sample: Sample, there: Sample, names: Sequence[str]) -> bool:
    """Whether all that was copied from a sample is still what it has."""
    kept = sample.members.keys() - {*names, fields.META}
    if kept != there.members.keys() - {*names, fields.META}:
        return False
    own, copied = ({**one.load(fields.META), MADE: None} for one in (sample, there))
    return own == copied and all(sample.read(name) == there.read(name) for name in kept)
