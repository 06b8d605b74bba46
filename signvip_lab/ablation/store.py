"""The folders of what an ablation trained: one for each step, shared by all cells that need it."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from signvip.config import RunConfig, parse_config
from signvip.data.derived import is_current
from signvip.progress import Reporter
from signvip.run import Run
from signvip.settings import merge
from signvip.storage.files import write_text
from signvip.storage.locks import locked
from signvip_lab.ablation.trainings import TEXT, VAE, VIDEO, Step

DONE = "step.json"


class Store:
    """The folder of an ablation, and the shards that its cells are trained on."""

    def __init__(self, out: Path, shards: Path, reporter: Reporter) -> None:
        self.out, self.shards, self.reporter = out, shards, reporter

    def folder(self, step: Step) -> Path:
        """Return the folder of a step's parts: the run that they are taken from, or one of its own."""
        return step.given or self.out / "stages" / step.name

    def done(self, step: Step) -> bool:
        """Say whether nothing of a step is left to train."""
        return step.given is not None or (self.folder(step) / DONE).is_file()

    def prepare(self, step: Step) -> Path:
        """Lay out what a step begins with; returns the shards that it is trained on."""
        for earlier in step.chain[:-1]:
            link_parts(self.folder(earlier), self.folder(step), earlier.parts)
        return self._shards(step)

    def make(self, step: Step) -> float:
        """Train one step, or go on with it; returns the seconds, 0 for what was done before."""
        from signvip.stages import train

        if self.done(step):
            return 0.0
        begin, folder = time.perf_counter(), self.folder(step)
        shards = self.prepare(step)
        train(training_config(step), step.kind.stage, shards=shards, run=folder, reporter=self.reporter)
        seconds = time.perf_counter() - begin
        write_text(folder / DONE, json.dumps({"kind": step.kind.name, "id": step.id, "seconds": seconds}))
        for checkpoint in folder.glob("training/*/checkpoint-*"):
            shutil.rmtree(checkpoint)
        return seconds

    def assemble(self, steps: list[Step], config: RunConfig, folder: Path) -> Run:
        """Return a run of all the steps' parts: complete where all stages are among them."""
        for step in steps:
            link_parts(self.folder(step), folder, step.parts)
        run = Run.start(folder, config)
        if steps[-1].kind is TEXT:
            from signvip.stages.common import save_pipeline

            save_pipeline(run)
        return run

    def tidy(self, pending: Iterable[Step]) -> None:
        """Remove the shards that no step still reads: they can be made again from what is kept."""
        read = {self._derived(step).name for step in pending if not self.done(step) and step.before}
        for folder in (self.out / "shards").glob("*"):
            if folder.name not in read:
                shutil.rmtree(folder)

    def _shards(self, step: Step) -> Path:
        """Return the shards of a step: with the latents or tokens of the step before, where that pays or must be."""
        from signvip.stages.derive import encode, tokenize

        before = step.before
        if before is None or step.kind not in (VIDEO, TEXT):
            return self.shards
        run = Run.open(self.folder(before))
        part, parts = (
            ("vae", ("vae",)) if step.kind is VIDEO else ("autoencoder", ("autoencoder", "condition_encoder"))
        )
        if is_current(self.shards, part, run.fingerprint(*parts)):
            return self.shards
        out = self._derived(step)
        if step.kind is VIDEO:
            return encode(
                self.shards, out, run=run.path, latents=True, embeddings=False, reporter=self.reporter
            )
        return tokenize(self.shards, out, run=run.path, reporter=self.reporter)

    def _derived(self, step: Step) -> Path:
        assert step.before is not None
        return self.out / "shards" / step.before.name

    def alone(self) -> AbstractContextManager[None]:
        """Keep others out of the folder."""
        return locked(self.out, option="--out", say=self.reporter.say)


def training_config(step: Step) -> RunConfig:
    """Return the configuration that trains this step and no other of its stage."""
    asked = {"stage2_poses": None, "stage2_reference": None}  # no table of the paper asks for poses
    config = step.config.model_copy(update=asked)
    if step.kind.stage != 1 or config.start.vae is not None:
        return config
    phases = [phase for phase in step.config.stage1.phases if (phase == "vae") == (step.kind is VAE)]
    changes: Mapping[str, Any] = {"stage1": {"phases": phases}}
    return parse_config(merge(config.model_dump(mode="json"), changes))


def link_parts(source: Path, target: Path, parts: Iterable[str]) -> None:
    """Give `target` the parts of `source` without copying their bytes, where the disk allows it."""
    for part in parts:
        if (target / part).is_dir():
            continue
        target.mkdir(parents=True, exist_ok=True)
        partial = target / f".{part}.partial"
        shutil.rmtree(partial, ignore_errors=True)
        shutil.copytree(source / part, partial, copy_function=_link)
        os.replace(partial, target / part)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        shutil.copy2(source, target)
