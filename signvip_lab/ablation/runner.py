"""Runs a grid: every step once, every cell once, and a cell that fails is a line with its reason."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path

import torch

import signvip
from signvip.data.manifest import Manifest
from signvip.errors import SignVipError
from signvip.progress import Reporter, Silent
from signvip.storage.files import PARTIAL, remove_leftovers
from signvip.storage.locks import locked
from signvip_lab.ablation.clips import show_clips
from signvip_lab.ablation.grid import Cell, guided_by_tokens
from signvip_lab.ablation.measure import measure
from signvip_lab.ablation.records import Record, read_records, write_record
from signvip_lab.ablation.store import Store
from signvip_lab.ablation.trainings import VIDEO, Step, corpus, given_kinds, identity, make_steps
from signvip_lab.evaluation.evaluate import EvaluateOptions, commit
from signvip_lab.evaluation.reading import back_translator_stamps


@dataclass
class Plan:
    """The cells of a grid in order, each with the steps that it needs and the id of its record."""

    cells: list[Cell]
    stage: int
    shards: Path
    out: Path
    steps: list[list[Step]] = field(default_factory=list)
    options: EvaluateOptions = field(default_factory=EvaluateOptions)

    @property
    def split(self) -> str:
        """The split that the values are of: what training logs on dev, where there is no whole run."""
        return self.options.split if self.stage == 3 else "dev"

    @cached_property
    def ids(self) -> list[str]:
        """Names of the cells' records: a cell of other options, shards or measuring has another.

        Once and for all: a back-translator that is finished while cells train would rename them under way.
        """
        sampling = [cell.config.sampler.model_dump(mode="json") for cell in self.cells]
        measuring = {**asdict(self.options), "evaluators": back_translator_stamps(self.options.evaluators)}
        measuring["weights"] = {name: str(path) for name, path in self.options.weights.items()}
        return [
            identity(
                stage=self.stage,
                steps=[step.id for step in steps],
                shards=corpus(self.shards),
                seed=cell.config.seed,
                sampler=sampler if self.stage == 3 else None,
                options=measuring if self.stage == 3 else None,
            )
            for cell, steps, sampler in zip(self.cells, self.steps, sampling, strict=True)
        ]


def make_plan(
    cells: list[Cell],
    shards: Path,
    out: Path,
    stage: int,
    *,
    source: Path | None = None,
    options: EvaluateOptions | None = None,
) -> Plan:
    """Plan what a grid has to train, up to a stage; a run `source` gives what no cell changes.

    Cells whose video model is trained are guided by tokens, as in the paper: none trains what reads poses.
    """
    given = given_kinds(cells, source) if source is not None else frozenset()
    if VIDEO.name not in given:
        cells = [guided_by_tokens(cell) for cell in cells]
    plan = Plan(cells, stage, shards, out, options=options or EvaluateOptions())
    plan.steps = [make_steps(cell, stage, shards, given, source) for cell in cells]
    return plan


def run_plan(plan: Plan, reporter: Reporter | None = None) -> list[Record]:
    """Compute what is missing; returns one record for each cell, in order."""
    reporter = reporter or Silent()
    store, failures = Store(plan.out, plan.shards, reporter), dict[str, str]()
    with (
        store.alone(),
        locked(plan.shards, "read", option="--shards", say=reporter.say),
        reporter.task("cells", len(plan.cells)) as task,
    ):
        remove_leftovers(plan.out, f"**/.*{PARTIAL}")
        for place, (cell, steps, name) in enumerate(zip(plan.cells, plan.steps, plan.ids, strict=True)):
            known = read_records(plan.out).get(name)
            if known is None or known.status == "failed":
                reporter.say(f"Cell {place + 1} of {len(plan.cells)}: {cell.name}")
                write_record(plan.out, _compute(plan, store, cell, steps, name, failures, reporter))
                store.tidy(step for row in plan.steps[place + 1 :] for step in row)
            task.advance()
    return records_of(plan)


def records_of(plan: Plan) -> list[Record]:
    """Return the records of the plan's cells that are there, with the labels that the cells have in this grid."""
    found = read_records(plan.out)
    records = []
    for cell, name in zip(plan.cells, plan.ids, strict=True):
        if name in found:
            found[name].labels = cell.labels
            records.append(found[name])
    return records


def _compute(
    plan: Plan,
    store: Store,
    cell: Cell,
    steps: Sequence[Step],
    name: str,
    failures: dict[str, str],
    reporter: Reporter,
) -> Record:
    """Compute one cell; whatever goes wrong in it becomes the reason that its record gives."""
    record = _record(plan, cell, steps, name)
    step: Step | None = None
    try:
        for step in steps:
            if step.id in failures:
                record.reason = failures[step.id]
                return record
            record.seconds[step.kind.name] = round(store.make(step), 2)
        step, begin = None, time.perf_counter()
        run = store.assemble(list(steps), cell.config, plan.out / "cells" / name)
        found = measure(run, list(steps), store, plan.options, reporter)
        record.values, record.facts, record.left_out = found.values, found.facts, found.left_out
        record.shards["clips"], record.evaluators = found.clips, found.evaluators
        record.sentences, record.texts = found.sentences, found.texts
        record.seconds["measure"] = round(time.perf_counter() - begin, 2)
        if cell.config.seed == plan.cells[0].config.seed:
            show_clips(run, list(steps), store, plan.options)
        record.status = "done"
    except Exception as error:  # a cell may be made of foreign code; one that fails must not cost the others
        known = isinstance(error, SignVipError)
        record.reason = str(error) if known else f"{type(error).__name__}: {error}"
        if step is not None:
            failures[step.id] = record.reason
        reporter.say(f"{cell.name} failed: {record.reason}")
    return record


def _record(plan: Plan, cell: Cell, steps: Sequence[Step], name: str) -> Record:
    manifest = Manifest.read(plan.shards)
    return Record(
        cell=name,
        labels=cell.labels,
        seed=cell.config.seed,
        status="failed",
        stage=plan.stage,
        steps={step.kind.name: "given" if step.given else step.id for step in steps},
        config=identity(**cell.config.model_dump(mode="json")),
        shards={
            "dataset": manifest.dataset,
            "corpus": corpus(plan.shards),
            "split": plan.split,
        },
        commit=commit(),
        signvip=signvip.__version__,
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    )
