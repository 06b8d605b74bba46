"""`preprocess`: a corpus to shards. A shard holds fixed clips, so workers and interruptions do not change it."""

from __future__ import annotations

import errno
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import signvip
from signvip.contracts import SPLITS, Estimator
from signvip.data import fields
from signvip.data.files import remove_leftovers, write_text
from signvip.data.manifest import NAME, Counts, Manifest
from signvip.data.sample import Recipe, key_of
from signvip.data.shards import read_shard, shard_path, shard_paths, writing_shard
from signvip.data.show import strips, write_sheet
from signvip.data.workers import in_order
from signvip.errors import DataError, MismatchError
from signvip.registry import plugins

FAILED = "failed.jsonl"
CLIPS_A_SHARD = 32

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Job:
    """One shard to be made: the unit of work, of atomicity and of resuming."""

    recipe: Recipe
    path: Path
    split: str
    ids: tuple[str, ...]


@dataclass
class _Outcome:
    infos: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


def preprocess(
    recipe: Recipe,
    out: Path,
    *,
    splits: Sequence[str] = SPLITS,
    workers: int = 2,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Manifest:
    """Write shards, `manifest.json`, `failed.jsonl` and a preview of each split; started again, it resumes.

    A clip that cannot be used is listed with its reason and stops nothing; DataError where all fail.
    """
    manifest = _manifest(recipe, out)
    out.mkdir(parents=True, exist_ok=True)
    remove_leftovers(out)
    manifest.write(out)
    failures = _read_failures(out)
    jobs = [
        Job(recipe, shard_path(out, split, number), split, ids)
        for split in splits
        for number, ids in enumerate(_groups(_distinct(recipe.reader.ids(split), split)))
    ]
    done, total = 0, sum(len(job.ids) for job in jobs)
    outcomes: dict[str, list[_Outcome]] = {split: [] for split in splits}
    try:
        with closing(_run(jobs, failures, retry_failed, workers)) as made:
            for job, outcome in made:
                for clip_id in job.ids:
                    failures.pop((job.split, clip_id), None)
                failures.update({(job.split, clip_id): why for clip_id, why in outcome.failures.items()})
                _write_failures(out, failures)
                outcomes[job.split].append(outcome)
                done += len(job.ids)
                if progress is not None:
                    progress(done, total)
    finally:
        remove_leftovers(out)
    counted = {split: _count(parts) for split, parts in outcomes.items() if parts}
    manifest = manifest.model_copy(update={"splits": {**manifest.splits, **counted}})
    manifest.write(out)
    if total and not any(counts.clips_out for counts in counted.values()):
        reason = next(iter(failures.values()))
        raise DataError(f"All {total} clips failed, the first because {reason}; see {out / FAILED}.")
    for split, counts in counted.items():
        if counts.clips_out:
            preview = strips(shard_paths(out, split)[0])
            write_sheet(list(preview), out / f"preview-{split}.png")
    return manifest


def _run(
    jobs: list[Job], failures: Mapping[tuple[str, str], str], retry_failed: bool, workers: int
) -> Generator[tuple[Job, _Outcome], None, None]:
    waiting = []
    for job in jobs:
        known = {
            clip_id: failures[job.split, clip_id] for clip_id in job.ids if (job.split, clip_id) in failures
        }
        finished = None if known and retry_failed else _finished(job, known)
        if finished is None:
            waiting.append(job)
        else:
            yield job, finished
    yield from in_order(make_shard, waiting, workers)


def make_shard(job: Job) -> _Outcome:
    """Make one shard; clips that fail are told in the outcome."""
    outcome = _Outcome()
    with writing_shard(job.path) as writer:
        for clip_id in job.ids:
            try:
                members = job.recipe.make(job.split, clip_id)
            except Exception as error:  # whatever is wrong with one clip must not stop the others
                if isinstance(error, OSError) and error.errno == errno.ENOSPC:
                    raise
                outcome.failures[clip_id] = _reason(error)
                continue
            writer.write(key_of(clip_id), members)
            outcome.infos.append(_counted(fields.decode(fields.META, members[fields.META])))
    return outcome


def _finished(job: Job, known: Mapping[str, str]) -> _Outcome | None:
    """The outcome of a shard that is there and whole: all its clips are in it or known to have failed."""
    expected = [key_of(clip_id) for clip_id in job.ids if clip_id not in known]
    if not expected:
        return _Outcome(failures=dict(known)) if known else None
    if not job.path.exists():
        return None
    try:
        samples = read_shard(job.path)
        if [sample.key for sample in samples] != expected:
            return None
        infos = [_counted(sample.load(fields.META)) for sample in samples]
    except DataError:
        return None
    return _Outcome(infos, dict(known))


def _manifest(recipe: Recipe, out: Path) -> Manifest:
    """The manifest to go on with; MismatchError where the folder holds shards of another kind."""
    fresh = Manifest(
        made_by=f"signvip {signvip.__version__}",
        dataset=type(recipe.reader).__name__,
        dataset_options=_options(recipe.reader),
        conditions={name: _options(condition) for name, condition in recipe.conditions.items()},
        estimators={name: _estimator(name, found) for name, found in recipe.estimators.items()},
        size=recipe.size,
        fps=recipe.fps,
        fit=recipe.fit,
    )
    if not (out / NAME).exists():
        return fresh
    old = Manifest.read(out)
    changed = [
        name
        for name in ("dataset", "dataset_options", "conditions", "estimators", "size", "fps", "fit")
        if getattr(old, name) != getattr(fresh, name)
    ]
    if changed:
        raise MismatchError(
            f"{out} holds shards made with another {' and '.join(changed)}; choose another folder, or delete it."
        )
    return old


def _options(plugin: object) -> dict[str, Any]:
    config = getattr(plugin, "config", None)
    return config.model_dump(mode="json") if isinstance(config, BaseModel) else {}


def _estimator(name: str, estimator: Estimator) -> dict[str, Any]:
    """What made the keypoints: its version, options and weights."""
    versions = [record.version for record in plugins() if (record.kind, record.name) == ("estimator", name)]
    about = {"version": versions[0] if versions else "", "options": _options(estimator)}
    weights = getattr(estimator, "weights", None)
    return about if weights is None else {**about, "weights": weights}


def _distinct(ids: Sequence[str], split: str) -> Sequence[str]:
    twice = next((clip_id for clip_id, times in Counter(ids).items() if times > 1), None)
    if twice is not None:
        raise DataError(f"The corpus lists {twice} more than once in {split}; mend the list of its clips.")
    return ids


def _groups(ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(ids), CLIPS_A_SHARD):
        yield tuple(ids[start : start + CLIPS_A_SHARD])


def _counted(info: Mapping[str, Any]) -> dict[str, Any]:
    return {name: info[name] for name in ("frames", "fps", "signer")}


def _count(outcomes: Sequence[_Outcome]) -> Counts:
    infos = [info for outcome in outcomes for info in outcome.infos]
    failed = sum(len(outcome.failures) for outcome in outcomes)
    return Counts(
        clips_in=len(infos) + failed,
        clips_out=len(infos),
        failed=failed,
        frames=sum(info["frames"] for info in infos),
        seconds=round(sum(info["frames"] / info["fps"] for info in infos), 3),
        signers=len({info["signer"] for info in infos} - {None}),
    )


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"


def _read_failures(out: Path) -> dict[tuple[str, str], str]:
    path = out / FAILED
    if not path.exists():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {(row["split"], row["id"]): row["reason"] for row in rows}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged; delete it and run signvip preprocess again.") from error


def _write_failures(out: Path, failures: Mapping[tuple[str, str], str]) -> None:
    rows = [
        {"split": split, "id": clip_id, "reason": why} for (split, clip_id), why in sorted(failures.items())
    ]
    write_text(out / FAILED, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
