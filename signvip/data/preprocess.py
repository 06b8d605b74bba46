"""`preprocess`: a dataset to shards. A shard holds fixed clips, so workers and interruptions do not change it."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signvip.contracts import SPLITS, DatasetReader
from signvip.data import fields
from signvip.data.executors import Here
from signvip.data.failures import Failures
from signvip.data.kept import Kept
from signvip.data.manifest import NAME, Counts, Manifest
from signvip.data.outcome import Outcome, counts_of, noted, summary_of
from signvip.data.recipe_manifest import manifest_for
from signvip.data.sample import Recipe, key_of
from signvip.data.shards import Sample, read_shard, shard_path, shard_paths, splits_of, writing_shard
from signvip.data.show import strips, write_sheet
from signvip.data.stamps import Stamps, digest
from signvip.data.summary import Summary
from signvip.data.tasks import Executor
from signvip.errors import DataError
from signvip.storage.files import remove_leftovers
from signvip.storage.locks import locked

CLIPS_A_SHARD = 32
NAMED = 5  # clips that are told by name

Progress = Callable[[int, int], None]
"""`progress(done, total)`, in clips."""

Made = dict[str, bytes] | str
"""The members of a sample, or a sentence that says why there is none."""


@dataclass(frozen=True)
class Job:
    """One shard to be made: the unit of atomicity and of resuming."""

    path: Path
    split: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """The number, from 1 to `of`, of one of several runs into one folder, as job arrays start them."""

    number: int
    of: int


@dataclass
class Plan:
    """One shard that is to be written: which of its clips are there or failed before, and what all are made from."""

    job: Job
    stamps: dict[str, str]
    failures: dict[str, str] = field(default_factory=dict)
    samples: dict[str, Sample] = field(default_factory=dict)

    @property
    def tasks(self) -> list[tuple[str, str]]:
        """The split and id of each clip that is to be made."""
        there = {*self.failures, *self.samples}
        return [(self.job.split, clip_id) for clip_id in self.job.ids if clip_id not in there]


@dataclass(frozen=True)
class Result:
    """The contents of the folder, and the numbers of this run."""

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

    Afterwards the folder holds what the dataset deals now: whoever left it is taken out of all splits and named by
    `say`; a clip whose text, footage or options changed is made again; the others are taken over.
    A clip that cannot be used is listed with its reason and stops nothing; DataError where all fail. A run that does
    a `share` of several writes its shards and its failures alone: run once more without one to count them all.
    """
    check_apart(recipe.reader, out)
    with locked(out, share=f"{share.number}-of-{share.of}" if share else "", say=say):
        return _Run(recipe, out, splits, share, retry_failed, say or _nothing)(executor or Here(), progress)


def check_apart(reader: DatasetReader, out: Path) -> None:
    """DataError where shards would be among the clips that they are made from, or the clips among the shards."""
    source = getattr(getattr(reader, "config", None), "source", None)
    if not isinstance(source, Path) or not source.is_dir():
        return
    here, there = Path(os.path.realpath(source)), Path(os.path.realpath(out))
    if here == there or here in there.parents or there in here.parents:
        raise DataError(f"{out} and the dataset {source} lie in one another; give OUT another folder.")


class _Run:
    """One run of `preprocess`, in the order in which it happens."""

    def __init__(
        self,
        recipe: Recipe,
        out: Path,
        splits: Sequence[str],
        share: Share | None,
        retry_failed: bool,
        say: Callable[[str], None],
    ) -> None:
        self.recipe, self.out, self.share, self.retry_failed, self.say = recipe, out, share, retry_failed, say
        self.reader, self.splits = recipe.reader, tuple(dict.fromkeys(splits))
        self.needed = recipe.fields

    def __call__(self, executor: Executor, progress: Progress | None) -> Result:
        begin = time.monotonic()
        self.manifest = manifest_for(self.recipe, self.out)
        dealt = self._dealt()
        self.manifest.write(self.out)
        name = f"{self.share.number}-of-{self.share.of}" if self.share else ""
        self.failures, self.stamps, self.kept = (
            Failures(self.out, name),
            Stamps(self.out, name),
            Kept(self.out),
        )
        if self.share is None:
            remove_leftovers(self.out)
            self._take_out(dealt)
        jobs = self._jobs(dealt)
        outcomes = self._make(jobs, executor, _counter(progress, sum(len(job.ids) for job in jobs)))
        fresh = sum(outcome.fresh for outcome in outcomes.values())
        summary = summary_of(outcomes.values(), fresh, time.monotonic() - begin)
        if self.share is None:
            self._finish(jobs, dealt)
            self._note(splits=self._counts(outcomes), contents=self._contents(dealt))
        if summary.clips_in and not summary.clips_out:
            reason = next(why for outcome in outcomes.values() for why in outcome.failures.values()).rstrip(
                "."
            )
            raise DataError(
                f"All {summary.clips_in} clips failed, the first because {reason}; see {self.failures.path}."
            )
        if self.share is None:
            _preview(self.out)
        return Result(self.manifest, summary)

    def _note(self, **changes: Any) -> None:
        """Write a manifest with some changes."""
        self.manifest = self.manifest.model_copy(update=changes)
        self.manifest.write(self.out)

    def _dealt(self) -> dict[str, list[str]]:
        """Return the ids of every split that was requested or already has shards: clips also move and leave there."""
        there = set(splits_of(self.out)) if self.out.is_dir() else set()
        return {
            split: _distinct(self.reader.ids(split), split)
            for split in SPLITS
            if split in self.splits or split in there
        }

    def _take_out(self, dealt: Mapping[str, Sequence[str]]) -> None:
        """Take clips out of splits that no longer have them, before anything is made; said, and noted."""
        keys = {split: set(map(key_of, ids)) for split, ids in dealt.items()}
        left = self.kept.leaving(keys)
        for split, ids in left.items():
            more = f" and {len(ids) - NAMED} more (all are in {NAME})" if len(ids) > NAMED else ""
            gone = f"{len(ids)} clips that" if len(ids) > 1 else "1 clip that"
            self.say(f"Took out {gone} the dataset no longer has in {split}: {', '.join(ids[:NAMED])}{more}.")
        if left != self.manifest.left:
            self._note(left=left, contents="" if left else self.manifest.contents)
        self.kept.prune(keys)

    def _jobs(self, dealt: Mapping[str, Sequence[str]]) -> list[Job]:
        jobs = [
            Job(shard_path(self.out, split, number), split, ids)
            for split in self.splits
            for number, ids in enumerate(_groups(dealt[split]))
        ]
        return jobs[self.share.number - 1 :: self.share.of] if self.share else jobs

    def _make(
        self, jobs: Sequence[Job], executor: Executor, count: Callable[[int], None]
    ) -> dict[Job, Outcome]:
        """Write the shards that are not what they should be."""
        outcomes: dict[Job, Outcome] = {}
        waiting: list[Plan] = []
        for job in jobs:
            plan = self._plan(job)
            finished = self._finished(plan)
            if finished is None:
                waiting.append(plan)
            else:
                outcomes[job] = finished
                count(len(job.ids))
        self._take_over(waiting, jobs)
        if waiting:
            self._note(contents="")
        try:
            tasks = [task for plan in waiting for task in plan.tasks]
            with closing(executor(self.recipe.make, tasks)) as made:
                for plan in waiting:
                    self.stamps.forget(plan.tasks)
                    outcomes[plan.job] = self._write(plan, made, count)
                    self.failures.replace(plan.job.split, plan.job.ids, outcomes[plan.job].failures)
                    self.stamps.note(plan.job.split, plan.stamps)
        finally:
            self.kept.close()
        return {job: outcomes[job] for job in jobs}

    def _plan(self, job: Job) -> Plan:
        stamps = {clip_id: self.recipe.stamp(job.split, clip_id) for clip_id in job.ids}
        failed = {} if self.retry_failed else self.failures.known(job.split, job.ids)
        same = self._same(job.split, stamps)
        return Plan(job, stamps, {clip_id: failed[clip_id] for clip_id in same if clip_id in failed})

    def _same(self, split: str, stamps: Mapping[str, str]) -> list[str]:
        """Return the clips that are made from the same as before."""
        return [clip_id for clip_id, stamp in stamps.items() if self.stamps.get(split, clip_id) == stamp]

    def _finished(self, plan: Plan) -> Outcome | None:
        """Return the outcome of a complete shard: all its clips are in it or are known to have failed."""
        job = plan.job
        if len(self._same(job.split, plan.stamps)) < len(job.ids):
            return None
        samples = self.kept.samples(job.path)
        expected = [key_of(clip_id) for clip_id in job.ids if clip_id not in plan.failures]
        if [sample.key for sample in samples] != expected or (job.path.exists() and not samples):
            return None
        if not all(set(self.needed) <= set(sample.members) for sample in samples):
            return None
        try:
            return Outcome([noted(sample.load(fields.META)) for sample in samples], dict(plan.failures))
        except (DataError, KeyError, TypeError):
            return None

    def _take_over(self, waiting: Sequence[Plan], jobs: Sequence[Job]) -> None:
        """Find what need not be made: clips that did not change, in whichever shard of their split they are."""
        for split in dict.fromkeys(plan.job.split for plan in waiting):
            paths = shard_paths(self.out, split) if self.share is None else [job.path for job in jobs]
            there = self.kept.by_key(paths)
            for plan in (plan for plan in waiting if plan.job.split == split):
                for clip_id in self._same(split, plan.stamps):
                    sample = there.get(key_of(clip_id))
                    if sample is not None and set(self.needed) <= set(sample.members):
                        plan.samples[clip_id] = sample
        samples = [sample for plan in waiting for sample in plan.samples.values()]
        self.kept.hold(samples, [plan.job.path for plan in waiting])

    def _write(self, plan: Plan, made: Iterator[Made], count: Callable[[int], None]) -> Outcome:
        """Write one shard of what is there and of what an executor makes; the outcome lists clips that failed."""
        outcome = Outcome(failures=dict(plan.failures))
        with writing_shard(plan.job.path) as writer:
            for clip_id in plan.job.ids:
                fresh = clip_id not in plan.samples and clip_id not in plan.failures
                members = next(made) if fresh else self._old(plan, clip_id)
                if isinstance(members, str):
                    outcome.failures[clip_id] = members
                else:
                    info = noted(fields.decode(fields.META, members[fields.META]))
                    writer.write(key_of(clip_id), members)
                    outcome.infos.append(info)
                    outcome.fresh += info["frames"] if fresh else 0
                count(1)
        if not outcome.infos:
            plan.job.path.unlink(missing_ok=True)
        return outcome

    def _old(self, plan: Plan, clip_id: str) -> Made:
        sample = plan.samples.get(clip_id)
        return plan.failures[clip_id] if sample is None else self.kept.take(sample)

    def _finish(self, jobs: Sequence[Job], dealt: Mapping[str, Sequence[str]]) -> None:
        """Remove the shards that hold no clip now, and the notes on clips that are gone."""
        wanted = {job.path for job in jobs}
        for split in self.splits:
            for path in set(shard_paths(self.out, split)) - wanted:
                path.unlink()
        self.failures.gather(dealt)
        self.stamps.gather(dealt)

    def _counts(self, outcomes: Mapping[Job, Outcome]) -> dict[str, Counts]:
        """Return the counts of what was asked for, of splits that clips left, and as they were of the others."""
        by_split: dict[str, list[Outcome]] = {}
        for job, outcome in outcomes.items():
            by_split.setdefault(job.split, []).append(outcome)
        for split in set(self.manifest.left) - set(self.splits):
            by_split[split] = [self._recounted(split)]
        old = {split: counts for split, counts in self.manifest.splits.items() if split not in self.splits}
        both = old | {split: counts_of(parts) for split, parts in by_split.items()}
        return {split: both[split] for split in SPLITS if split in both}

    def _contents(self, dealt: Mapping[str, Sequence[str]]) -> str:
        """Hash the clips and what they were made from, so that sets made from this one notice a change."""
        clips = [(split, clip_id) for split, ids in dealt.items() for clip_id in ids]
        return digest(
            [[*clip, self.stamps.get(*clip)] for clip in clips if clip not in self.failures.reasons]
        )

    def _recounted(self, split: str) -> Outcome:
        samples = [sample for path in shard_paths(self.out, split) for sample in read_shard(path)]
        failed = {clip_id: why for (where, clip_id), why in self.failures.reasons.items() if where == split}
        return Outcome([noted(sample.load(fields.META)) for sample in samples], failed)


def _nothing(_: str) -> None:
    """Say nothing."""


def _counter(progress: Progress | None, total: int) -> Callable[[int], None]:
    done = 0

    def count(clips: int) -> None:
        nonlocal done
        done += clips
        if progress is not None:
            progress(done, total)

    return count


def _distinct(ids: Sequence[str], split: str) -> list[str]:
    twice = next((clip_id for clip_id, times in Counter(ids).items() if times > 1), None)
    if twice is not None:
        raise DataError(f"The dataset lists {twice} more than once in {split}; fix the list of its clips.")
    return list(ids)


def _groups(ids: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(ids), CLIPS_A_SHARD):
        yield tuple(ids[start : start + CLIPS_A_SHARD])


def _preview(out: Path) -> None:
    """Show the first clips of each split, and none of a split that is now empty."""
    for split in SPLITS:
        path = out / f"preview-{split}.png"
        if shards := shard_paths(out, split):
            write_sheet(list(strips(shards[0])), path)
        else:
            path.unlink(missing_ok=True)
