"""`preprocess`: a corpus to shards. A shard holds fixed clips, so workers and interruptions do not change it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

import signvip
from signvip.contracts import SPLITS, DatasetReader, Estimator
from signvip.data import fields
from signvip.data.executors import Executor, Here, Made
from signvip.data.failures import Failures, forget
from signvip.data.files import remove_leftovers
from signvip.data.manifest import NAME, RECIPE, Counts, Manifest
from signvip.data.sample import Recipe, key_of
from signvip.data.shards import read_shard, shard_path, shard_paths, splits_of, writing_shard
from signvip.data.show import strips, write_sheet
from signvip.data.summary import Summary
from signvip.errors import DataError, MismatchError
from signvip.locks import locked
from signvip.registry import plugins

CLIPS_A_SHARD = 32

Progress = Callable[[int, int], None]
"""`progress(done, total)`, in clips."""


@dataclass(frozen=True)
class Job:
    """One shard to be made: the unit of atomicity and of resuming."""

    path: Path
    split: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """Which of several runs into one folder this is, as job arrays start them: number 1 to `of`."""

    number: int
    of: int


@dataclass
class Outcome:
    """What became of the clips of a shard."""

    infos: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What stands in the folder, and the numbers of this run."""

    manifest: Manifest
    summary: Summary


def preprocess(
    recipe: Recipe,
    out: Path,
    *,
    splits: Sequence[str] = SPLITS,
    executor: Executor | None = None,
    share: Share | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
    say: Callable[[str], None] | None = None,
) -> Result:
    """Write shards, `manifest.json`, `failed.jsonl` and a preview of each split; started again, it resumes.

    A clip that cannot be used is listed with its reason and stops nothing; DataError where all fail. A run that does
    a `share` of several writes its shards and its failures alone: run once more without one to count them all.
    """
    with locked(out, share=f"{share.number}-of-{share.of}" if share else "", say=say):
        return _preprocess(recipe, out, splits, executor, share, retry_failed, progress)


def _preprocess(
    recipe: Recipe,
    out: Path,
    splits: Sequence[str],
    executor: Executor | None,
    share: Share | None,
    retry_failed: bool,
    progress: Progress | None,
) -> Result:
    begin = time.monotonic()
    manifest = _manifest(recipe, out)
    manifest.write(out)
    failures = Failures(out, f"{share.number}-of-{share.of}" if share else "")
    jobs = _jobs(recipe.reader, out, splits)
    jobs = jobs[share.number - 1 :: share.of] if share else jobs
    count = _counter(progress, sum(len(job.ids) for job in jobs))
    outcomes: dict[Job, Outcome] = {}
    if share is None:
        remove_leftovers(out)
    for job in jobs:
        known = failures.known(job.split, job.ids)
        finished = None if known and retry_failed else _finished(job, known)
        if finished is not None:
            outcomes[job] = finished
            count(len(job.ids))
    waiting = [job for job in jobs if job not in outcomes]
    tasks = [(job.split, clip_id) for job in waiting for clip_id in job.ids]
    with closing((executor or Here())(recipe, tasks)) as made:
        for job in waiting:
            outcomes[job] = _write(job, made, count)
            failures.replace(job.split, job.ids, outcomes[job].failures)
    fresh = sum(info["frames"] for job in waiting for info in outcomes[job].infos)
    summary = _summary(outcomes, fresh, time.monotonic() - begin)
    if share is None:
        failures.gather()
        manifest = _counted_manifest(manifest, outcomes)
        manifest.write(out)
    if summary.clips_in and not summary.clips_out:
        reason = next(why for outcome in outcomes.values() for why in outcome.failures.values()).rstrip(".")
        raise DataError(
            f"All {summary.clips_in} clips failed, the first because {reason}; see {failures.path}."
        )
    if share is None:
        _preview(out, {job.split for job, outcome in outcomes.items() if outcome.infos})
    return Result(manifest, summary)


def _jobs(reader: DatasetReader, out: Path, splits: Sequence[str]) -> list[Job]:
    return [
        Job(shard_path(out, split, number), split, ids)
        for split in splits
        for number, ids in enumerate(_groups(_distinct(reader.ids(split), split)))
    ]


def _counter(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def count(clips: int) -> None:
        nonlocal done
        done += clips
        if progress is not None:
            progress(done, total)

    return count


def _write(job: Job, made: Iterator[Made], count: Callable[[int], None]) -> Outcome:
    """Write one shard of what an executor makes; clips that failed are told in the outcome."""
    outcome = Outcome()
    with writing_shard(job.path) as writer:
        for clip_id in job.ids:
            members = next(made)
            if isinstance(members, str):
                outcome.failures[clip_id] = members
            else:
                writer.write(key_of(clip_id), members)
                outcome.infos.append(_noted(fields.decode(fields.META, members[fields.META])))
            count(1)
    return outcome


def _finished(job: Job, known: Mapping[str, str]) -> Outcome | None:
    """The outcome of a shard that is there and whole: all its clips are in it or known to have failed."""
    expected = [key_of(clip_id) for clip_id in job.ids if clip_id not in known]
    if not expected:
        return Outcome(failures=dict(known)) if known else None
    if not job.path.exists():
        return None
    try:
        samples = read_shard(job.path)
        if [sample.key for sample in samples] != expected:
            return None
        infos = [_noted(sample.load(fields.META)) for sample in samples]
    except DataError:
        return None
    return Outcome(infos, dict(known))


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
    changed = [name for name in RECIPE if getattr(old, name) != getattr(fresh, name)]
    if not changed:
        return old
    if splits_of(out):
        raise MismatchError(
            f"{out} holds shards made with another {' and '.join(changed)}; choose another folder, or delete it."
        )
    forget(out)  # nothing came of it, and why says nothing of this recipe
    return fresh


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


def _noted(info: Mapping[str, Any]) -> dict[str, Any]:
    return {name: info[name] for name in ("frames", "fps", "signer", "text")}


def _summary(outcomes: Mapping[Job, Outcome], fresh: int, seconds: float) -> Summary:
    infos = [info for outcome in outcomes.values() for info in outcome.infos]
    reasons = [why for outcome in outcomes.values() for why in outcome.failures.values()]
    return Summary.of(infos, reasons, fresh, seconds)


def _counted_manifest(manifest: Manifest, outcomes: Mapping[Job, Outcome]) -> Manifest:
    by_split: dict[str, list[Outcome]] = {}
    for job, outcome in outcomes.items():
        by_split.setdefault(job.split, []).append(outcome)
    counted = {split: _count(parts) for split, parts in by_split.items()}
    return manifest.model_copy(update={"splits": {**manifest.splits, **counted}})


def _preview(out: Path, splits: set[str]) -> None:
    for split in splits:
        write_sheet(list(strips(shard_paths(out, split)[0])), out / f"preview-{split}.png")


def _count(outcomes: Sequence[Outcome]) -> Counts:
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
