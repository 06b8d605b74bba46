"""Train the steps of the paper: I the video diffusion model, II the tokens, III the translator (section 3.3).

Stages import the networks, the sampler and the training loop; no stage imports the laboratory or a command.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from signvip.config import BOOKKEEPING, RunConfig, Training, default_option
from signvip.data.shards import ShardIndex
from signvip.errors import ConfigError, RunError
from signvip.progress import Reporter, Silent
from signvip.run import Run
from signvip.settings import option
from signvip.storage.files import write_text
from signvip.storage.fits import misfit
from signvip.storage.locks import locked
from signvip.storage.processes import is_main, wait

if TYPE_CHECKING:
    from signvip.training.phase import Phase


CIRCUMSTANCES = "circumstances.json"  # beside a phase's checkpoints
Options = TypeVar("Options", bound=Training)


def train(
    config: RunConfig,
    stage: int,
    *,
    shards: Path,
    run: Path,
    resume: bool = True,
    reporter: Reporter | None = None,
) -> Path:
    """Train one stage in a run folder; started again, it goes on where it stopped. Returns the run folder."""
    from signvip.stages.stage1 import stage1
    from signvip.stages.stage2 import stage2
    from signvip.stages.stage3 import stage3
    from signvip.training.devices import check_precision

    stages = {1: stage1, 2: stage2, 3: stage3}
    if stage not in stages:
        raise ConfigError(f"There is no stage {stage}; choose 1 (video), 2 (tokens) or 3 (text).")
    check_precision(config.precision)  # before start weights are fetched
    heard = reporter if reporter is not None and is_main() else Silent()
    with locked(run, option="--run", say=heard.say), locked(shards, "read", option="--shards", say=heard.say):
        stages[stage](Run.start(run, config), shards, Loop(resume, heard, shards))
    return run


# Of the sampler section, what training depends on; the rest only says how videos are sampled.
NOISE = (
    "train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "prediction",
    "zero_terminal_snr",
)


@dataclass(frozen=True)
class PhaseKey:
    """The key by which a phase's checkpoints still fit: its own options, and the parts that it builds on."""

    name: str
    sections: tuple[str, ...]  # or single options, as `start.unet`
    parts: tuple[str, ...] = ()
    unread: tuple[str, ...] = BOOKKEEPING  # options of its training that change no weight
    # further options; phases of older versions did not note them
    noted: tuple[str, ...] = ("seed",)
    makes: tuple[str, ...] = ()  # the parts that it leaves in the run

    def stamp(self, run: Run) -> str:
        """Return a text that stays the same as long as the checkpoints fit."""
        config = run.config.model_dump(mode="json")
        values = {key: option(config, key) for key in self.sections}
        if "sampler" in values:
            values["sampler"] = {name: values["sampler"][name] for name in NOISE}
        values["parts"] = {part: run.fingerprint(part) for part in self.parts}
        return json.dumps(values, sort_keys=True)

    def training(self, stored: str | None, kind: type[Training] = Training) -> dict[str, Any] | None:
        """Return the options of a finished phase's stored training that decide the weights; None without one."""
        if stored is None:
            return None
        values = kind.model_validate_json(stored).model_dump(mode="json")  # newer options at their defaults
        return {name: value for name, value in values.items() if name not in self.unread}

    def note(self, run: Run, training: Training) -> str:
        """Return the note that a phase makes as it begins: how it is trained, besides what its stamp tells."""
        options = {key: option(run.config.model_dump(mode="json"), key) for key in self.noted}
        return json.dumps({"training": training.model_dump(mode="json"), "options": options})

    def fits(self, stored: str | None, run: Run) -> bool:
        """Return whether a stamp is today's; options newer than the stamp count as their defaults."""
        if stored is None:
            return False
        before, now = json.loads(stored), json.loads(self.stamp(run))
        for key in now.keys() - before.keys():
            before[key] = default_option(key)
        if "sampler" in now:
            before["sampler"] = {name: default_option(f"sampler.{name}") for name in NOISE} | before[
                "sampler"
            ]
        return bool(before == now)


class Loop:
    """Runs phases once: a finished phase is skipped until its training, its options or its parts change."""

    def __init__(self, resume: bool, reporter: Reporter, shards: Path | None = None) -> None:
        self.resume, self.reporter, self.shards = resume, reporter, shards

    def finished(self, run: Run, key: PhaseKey, training: Training) -> bool:
        """Return whether this very training is done and its results are still there, and report it if so."""
        finished = self.done(run, key, training)
        if finished:
            other = self._elsewhere(run, key)
            self.reporter.say(f"{key.name} of {run.path} is trained already{other}; --fresh trains it again.")
        return finished

    def done(self, run: Run, key: PhaseKey, training: Training) -> bool:
        """Return the same as `finished`, without a remark."""
        kind = type(training)
        done = key.training(read_text(run.phase(key.name) / "done.json"), kind)
        return (
            self.resume
            and done == key.training(training.model_dump_json(), kind)
            and self._fits(run, key)
            and self._same(run, key, training)
            and all(run.has(part) and misfit(run.path, part) is None for part in key.makes)
        )

    def resumes(self, run: Run, key: PhaseKey, training: Training) -> bool:
        """Return whether a checkpoint will replace the weights that a phase begins with."""
        from signvip.training.resume import checkpoints

        return self._goes_on(run, key, training) and bool(checkpoints(run.phase(key.name)))

    def run_phase(self, run: Run, key: PhaseKey, phase: Phase, training: Training) -> None:
        """Train a phase, from its last checkpoint where that fits."""
        from signvip.footprint.advice import explained, training_that_fits
        from signvip.training.loop import run_loop

        folder, config = run.phase(key.name), run.config
        resume = self._goes_on(run, key, training)
        aside = folder.with_name(f"{folder.name}.before")
        if folder.is_dir() and self.resume and not resume:
            self.reporter.say(
                f"{key.name} was trained with other options or parts: it starts again; what there was is in {aside}."
            )
        elif resume and (other := self._elsewhere(run, key)):
            self.reporter.say(f"{key.name} goes on from what was trained{other}; --fresh trains it anew.")
        before = self._circumstances(run, key) if resume else []
        circumstances = [*before, *([now] if (now := self._now(run)) not in before else [])]
        wait()  # until every process has read what was there
        if is_main():
            if self.resume and not resume:
                _set_aside(folder, aside)
            _prepare(folder, key.stamp(run), key.note(run, training), resume)
            write_text(folder / CIRCUMSTANCES, json.dumps(circumstances, indent=2) + "\n")
        wait()
        with explained(lambda card: training_that_fits(config, key.name, card)):
            run_loop(
                phase, training, folder, seed=config.seed, precision=config.precision, reporter=self.reporter
            )

    def finish(self, run: Run, key: PhaseKey, training: Training) -> None:
        """Called after the parts are saved: only then is the phase done."""
        if is_main():
            write_text(run.phase(key.name) / "done.json", training.model_dump_json())

    def forget(self, run: Run, key: PhaseKey) -> None:
        """Called where a part was replaced by one that this phase did not train."""
        if is_main():
            (run.phase(key.name) / "done.json").unlink(missing_ok=True)

    def _now(self, run: Run) -> dict[str, str]:
        """Return a training's data and precision: a change in these is reported, but does not discard hours of work."""
        return {"precision": run.config.precision, **({} if self.shards is None else {"shards": self._train})}

    @cached_property
    def _train(self) -> str:
        assert self.shards is not None
        return ShardIndex(self.shards, "train").identity

    def _circumstances(self, run: Run, key: PhaseKey) -> list[dict[str, str]]:
        """Read the circumstances of all steps so far; none where a run is older than this note."""
        found: list[dict[str, str]] = json.loads(read_text(run.phase(key.name) / CIRCUMSTANCES) or "[]")
        return found

    def _elsewhere(self, run: Run, key: PhaseKey) -> str:
        """Describe what earlier steps of a phase had that this command does not; empty where that is nothing."""
        before = self._circumstances(run, key)
        now = self._now(run) if before else {}
        words = {"shards": "on other clips", "precision": "in another precision"}
        other = [
            words[name]
            for name in words
            if any(each.get(name) != now.get(name) for each in before if name in each)
        ]
        return f", {' and '.join(other)}" if other else ""

    def _goes_on(self, run: Run, key: PhaseKey, training: Training) -> bool:
        """Return whether the checkpoints are of this training, which may only be longer or watched differently."""
        from signvip.training.resume import checkpoints, step_of

        if not (self.resume and self._same(run, key, training) and self._fits(run, key)):
            return False
        return all(step_of(checkpoint) <= training.steps for checkpoint in checkpoints(run.phase(key.name)))

    def _same(self, run: Run, key: PhaseKey, training: Training) -> bool:
        """Return whether a phase was begun with this training and these options; yes where nothing was noted."""
        stored = read_text(run.phase(key.name) / "training.json")
        if stored is None:
            return True
        before, now = (json.loads(note) for note in (stored, key.note(run, training)))
        kind = type(training)
        # a longer training goes on, on any schedule: hours are worth more than the rates that a shorter one had
        trainings = [
            {**(key.training(json.dumps(note["training"]), kind) or {}), "steps": None}
            for note in (before, now)
        ]
        newer = {name: default_option(name) for name in now["options"]}  # as they were where nobody knew them
        return trainings[0] == trainings[1] and newer | before["options"] == now["options"]

    def _fits(self, run: Run, key: PhaseKey) -> bool:
        return key.fits(read_text(run.phase(key.name) / "made_with.json"), run)


def _set_aside(folder: Path, aside: Path) -> None:
    """Keep the last training of a phase that options discard: hours went into it, and one of them may be a slip."""
    if folder.is_dir():
        shutil.rmtree(aside, ignore_errors=True)
        os.replace(folder, aside)


def _prepare(folder: Path, stamp: str, note: str, resume: bool) -> None:
    """Note what is trained in a folder; what was trained otherwise goes at once, so that no half of it is left."""
    (folder / "done.json").unlink(missing_ok=True)
    old = folder.with_name(f".{folder.name}.old")
    if folder.is_dir() and not resume:
        shutil.rmtree(old, ignore_errors=True)
        os.replace(folder, old)
    shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "training.json", note)
    write_text(folder / "made_with.json", stamp)


def read_text(path: Path) -> str | None:
    """Return a small file's content; None where there is none."""
    return path.read_text() if path.is_file() else None


def require_training(training: Options | None, name: str) -> Options:
    """Return the training section of a phase; RunError where the preset has none."""
    if training is None:
        raise RunError(f"This preset does not say how to train {name}; add a section [{name}] by --config.")
    return training
