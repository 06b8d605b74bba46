"""Estimates of the time that a grid takes: from trainings that were timed, or from short ones of three steps each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from signvip.config import parse_config
from signvip.data.manifest import Manifest
from signvip.data.shards import read_shard, shard_paths, splits_of
from signvip.errors import RunError
from signvip.progress import Silent
from signvip.settings import merge
from signvip_lab.ablation.measure import measure
from signvip_lab.ablation.rates import FIXED, phase_rates, work
from signvip_lab.ablation.records import read_records
from signvip_lab.ablation.runner import Plan
from signvip_lab.ablation.store import Store
from signvip_lab.ablation.trainings import Step, make_steps

STEPS = 3  # of the short timing: the first is left out
MEASURE, PREPARE = "measure", "prepare"


@dataclass
class Rates:
    """Seconds by what takes them: a frame of a phase's step, what a kind takes beside, measuring a clip."""

    seconds: dict[str, float] = field(default_factory=dict)
    timed: float = 0.0  # seconds that a short timing took

    def of_step(self, step: Step, clips: int) -> float:
        """Return the seconds to train a step from its beginning."""
        kind = step.kind.name
        training = sum(self.seconds.get(phase, 0.0) * frames for phase, frames in work(step))
        beside = self.seconds.get(f"{FIXED} {kind}", 0.0) + clips * self.seconds.get(f"{PREPARE} {kind}", 0.0)
        return training + beside


@dataclass(frozen=True)
class Estimate:
    """The work that is left: steps by kind and cells to measure, with the seconds of each sort."""

    steps: dict[str, list[float]]
    cells: int
    measuring: float
    timed: float

    @property
    def total(self) -> float:
        """Seconds in all."""
        return sum(map(sum, self.steps.values())) + self.measuring


def estimate(plan: Plan) -> Estimate:
    """Estimate a plan's time on this machine; time a few steps of each phase that nothing has timed yet."""
    store, records = Store(plan.out, plan.shards, Silent()), read_records(plan.out)
    steps = {step.id: step for row in plan.steps for step in row if not store.done(step)}
    cells = sum(name not in records or records[name].status == "failed" for name in plan.ids)
    counts = Manifest.read(plan.shards).splits
    rates = _rates(plan, steps.values(), bool(cells) and plan.stage == 3)
    clips = min(plan.options.clips or counts[plan.split].clips_out, counts[plan.split].clips_out)
    found: dict[str, list[float]] = {}
    for step in steps.values():
        every = sum(count.clips_out for count in counts.values())
        found.setdefault(step.kind.name, []).append(rates.of_step(step, every))
    measuring = cells * clips * rates.seconds.get(MEASURE, 0.0) if plan.stage == 3 else 0.0
    return Estimate(found, cells, measuring, rates.timed)


def _rates(plan: Plan, steps: Iterable[Step], measuring: bool) -> Rates:
    rates = Rates(known_rates(plan))
    wanted = {phase for step in steps for phase, _ in work(step)} | ({MEASURE} if measuring else set())
    if wanted <= rates.seconds.keys():
        return rates
    begin = time.perf_counter()
    rehearsed = _rehearse(plan, measuring)
    return Rates({**rehearsed, **rates.seconds}, time.perf_counter() - begin)


def known_rates(plan: Plan) -> dict[str, float]:
    """Return the rates of earlier cells of this folder, and of the run that is taken from."""
    given = {step.given for row in plan.steps for step in row if step.given}
    found: dict[str, float] = {}
    for run in (*given, *sorted((plan.out / "stages").glob("*"))):
        found |= phase_rates(run)
    measured = [
        record.seconds[MEASURE] / record.shards["clips"]
        for record in read_records(plan.out).values()
        if record.stage == 3 and record.status == "done"
    ]
    return {**found, **({MEASURE: statistics.median(measured)} if measured else {})}


def _rehearse(plan: Plan, measuring: bool) -> dict[str, float]:
    """Train the first cell for a few steps on the first shards, in a folder that is thrown away."""
    with TemporaryDirectory() as folder:
        shards, out = _first_shards(plan.shards, Path(folder) / "shards"), Path(folder) / "out"
        cell = replace(plan.cells[0], config=parse_config(_shortened(plan)))
        given = next((step.given for step in plan.steps[0] if step.given), None)
        options = replace(plan.options, clips=1)
        kinds = frozenset(step.kind.name for step in plan.steps[0] if step.given is not None)
        steps = make_steps(cell, plan.stage, shards, kinds, given)
        store, found = Store(out, shards, Silent()), dict[str, float]()
        clips = _count(shards)
        for step in steps:
            if step.given is None:
                begin = time.perf_counter()
                store.prepare(step)
                found[f"{PREPARE} {step.kind.name}"] = (time.perf_counter() - begin) / clips
                store.make(step)
                found |= phase_rates(store.folder(step))
        if measuring:
            run = store.assemble(steps, cell.config, out / "cells" / "short")
            begin = time.perf_counter()
            measure(run, steps, store, options, Silent())
            found[MEASURE] = time.perf_counter() - begin
        return found


def _shortened(plan: Plan) -> dict[str, Any]:
    """Return the first cell's configuration with a few steps of each phase, each of them logged."""
    few = {"steps": STEPS, "log_every": 1, "validate_every": STEPS, "checkpoint_every": STEPS, "warmup": 0}
    values = plan.cells[0].config.model_dump(mode="json")
    phases = {
        name: few for name in ("vae", "image", "motion", "detail") if values["stage1"][name] is not None
    }
    return merge(values, {"stage1": phases, "stage2": few, "stage3": few})


def _first_shards(shards: Path, target: Path) -> Path:
    """Return the first shard of each split, by links."""
    target.mkdir(parents=True)
    for split in splits_of(shards):
        first = shard_paths(shards, split)[0]
        (target / first.name).symlink_to(first.resolve())
    Manifest.read(shards).write(target)
    if not {"train", "dev"} <= set(splits_of(target)):
        raise RunError(f"{shards} has no train and dev clips; make them with: signvip preprocess")
    return target


def _count(shards: Path) -> int:
    return sum(len(read_shard(path)) for split in splits_of(shards) for path in shard_paths(shards, split))
