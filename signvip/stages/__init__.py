"""What each step of the paper trains: I the video diffusion model, II the tokens, III the translator (section 3.3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from signvip.config import RunConfig, Training
from signvip.errors import ConfigError, RunError
from signvip.progress import Reporter, Silent
from signvip.run import Run, write_atomically

if TYPE_CHECKING:
    from signvip.training import Phase


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
    from signvip.stages import steps

    stages = {1: steps.stage1, 2: steps.stage2, 3: steps.stage3}
    if stage not in stages:
        raise ConfigError(f"There is no stage {stage}; choose 1 (video), 2 (tokens) or 3 (text).")
    stages[stage](Run.start(run, config), shards, _Loop(resume, reporter or Silent()))
    return run


class _Loop:
    """Runs phases once: a finished phase is skipped until its training changes or `--fresh` asks for it."""

    def __init__(self, resume: bool, reporter: Reporter) -> None:
        self.resume, self.reporter = resume, reporter

    def finished(self, run: Run, name: str, training: Training) -> bool:
        done = run.phase(name) / "done.json"
        return self.resume and done.is_file() and done.read_text() == training.model_dump_json()

    def train(self, run: Run, phase: Phase, training: Training) -> None:
        from signvip.training import train as loop

        folder = run.phase(phase.name)
        config = run.config
        done = folder / "done.json"
        if done.is_file():
            done.unlink()
        loop(
            phase, training, folder, seed=config.seed, precision=config.precision, resume=self.resume,
            reporter=self.reporter,
        )  # fmt: skip

    def finish(self, run: Run, name: str, training: Training) -> None:
        """Called after the parts are saved: only then is the phase done."""
        write_atomically(run.phase(name) / "done.json", training.model_dump_json())


def require_training(training: Training | None, name: str) -> Training:
    """The training section of a phase; RunError where the preset has none."""
    if training is None:
        raise RunError(f"This preset does not say how to train {name}; add a section [{name}] by --config.")
    return training
