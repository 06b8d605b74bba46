"""Seconds that training takes, read from the logs of steps that were trained."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from signvip.config import RunConfig, Training
from signvip.run import Run
from signvip_lab.ablation.store import DONE, training_config
from signvip_lab.ablation.trainings import KINDS, Step

FIXED = "fixed"


def phase_rates(run: Path) -> dict[str, float]:
    """Return seconds for one frame of one step of each phase of a run, read from the times in its TensorBoard logs."""
    if not (run / "config.json").is_file():
        return {}
    trainings, found = trainings_of(Run.open(run).config), dict[str, float]()
    for phase, training in trainings.items():
        seconds = _seconds_per_step(run / "training" / phase / "tensorboard")
        if seconds is not None:
            found[phase] = seconds / frames_of(training)
    return {**found, **_fixed(run, found, trainings)}


def _fixed(run: Path, rates: Mapping[str, float], trainings: Mapping[str, Training]) -> dict[str, float]:
    """Return the seconds that a step took beside its training: building, reading, and validation at its end."""
    if not (run / DONE).is_file():
        return {}
    told = json.loads((run / DONE).read_text())
    kind = next(kind for kind in KINDS if kind.name == told["kind"])
    phases = {phase: trainings[phase] for phase in kind.phases if phase in trainings}
    trained = sum(rates.get(phase, 0.0) * frames_of(each) * each.steps for phase, each in phases.items())
    return {f"{FIXED} {kind.name}": max(0.0, told["seconds"] - trained)}


def _seconds_per_step(folder: Path) -> float | None:
    """Return the median over the log: pauses between one start and the next do not count."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    if not folder.is_dir():
        return None
    log = EventAccumulator(str(folder)).Reload()
    events = log.Scalars("loss") if "loss" in log.Tags()["scalars"] else []
    gaps = [(b.wall_time - a.wall_time) / (b.step - a.step) for a, b in pairwise(events) if b.step > a.step]
    return statistics.median(gaps) if gaps else None


def work(step: Step) -> Iterator[tuple[str, int]]:
    """Yield the phases of a step, and how many frames all steps of each take."""
    trainings = trainings_of(training_config(step))
    for phase in step.kind.phases:
        if phase in trainings:
            yield phase, trainings[phase].steps * frames_of(trainings[phase])


def trainings_of(config: RunConfig) -> dict[str, Training]:
    """Return each phase's training, by the name of its folder; those that this configuration leaves out are absent."""
    stage1 = {name: getattr(config.stage1, name) for name in ("vae", "image", "motion", "detail")}
    found = {f"stage1-{name}": training for name, training in stage1.items() if name in config.stage1.phases}
    every: dict[str, Training | None] = {**found, "stage2": config.stage2, "stage3": config.stage3}
    return {phase: training for phase, training in every.items() if training is not None}


def frames_of(training: Training) -> int:
    """Return the frames of one step."""
    return training.clips * training.frames * training.accumulation
