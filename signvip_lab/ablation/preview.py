"""`--dry-run`: what would be trained, what is shared or done already, and how long the rest will take."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from signvip.progress import Silent
from signvip_lab.ablation.records import read_records
from signvip_lab.ablation.runner import Plan
from signvip_lab.ablation.store import Store
from signvip_lab.ablation.timing import Estimate, estimate
from signvip_lab.ablation.trainings import Step


@dataclass(frozen=True)
class Preview:
    """One line for each cell, and the sum."""

    plan: Plan
    cells: list[dict[str, Any]]
    estimate: Estimate

    def as_json(self) -> dict[str, Any]:
        """Return the same for a program; times in seconds."""
        return {
            "out": str(self.plan.out),
            "stage": self.plan.stage,
            "cells": self.cells,
            "steps": {kind: len(seconds) for kind, seconds in self.estimate.steps.items()},
            "seconds": round(self.estimate.total, 1),
        }

    def lines(self) -> list[str]:
        """Return lines for a person."""
        rows = [f"{cell['cell']}: {_doing(cell)}" for cell in self.cells]
        found = self.estimate
        parts = [
            f"{len(seconds)} x {kind}, about {_span(sum(seconds))}" for kind, seconds in found.steps.items()
        ]
        if found.measuring:
            parts.append(f"{found.cells} cells to measure, about {_span(found.measuring)}")
        how = "times measured before" if not found.timed else f"a timing of {_span(found.timed)}"
        left = f"{len(self.cells)} cells, {found.cells} of them to compute, in {self.plan.out}"
        if not found.cells:
            return [*rows, "", f"{left}: nothing is left to do but the report."]
        return [*rows, "", left, *parts, f"about {_span(found.total)} in all, by {how}"]


def preview(plan: Plan) -> Preview:
    """Look at a plan without computing any of it, but for a short timing where nothing is known."""
    store, records = Store(plan.out, plan.shards, Silent()), read_records(plan.out)
    seen: set[str] = set()
    cells = []
    for cell, steps, name in zip(plan.cells, plan.steps, plan.ids, strict=True):
        done = name in records and records[name].status == "done"
        trained = {step.kind.name: _state(step, store, seen) for step in steps}
        cells.append({"cell": cell.name, "done": done, "steps": trained})
        seen |= {step.id for step in steps}
    return Preview(plan, cells, estimate(plan))


def _state(step: Step, store: Store, seen: set[str]) -> str:
    if step.given is not None:
        return "taken"
    if store.done(step):
        return "done"
    return "shared" if step.id in seen else "train"


def _doing(cell: dict[str, Any]) -> str:
    if cell["done"]:
        return "done"
    return ", ".join(f"{state} {kind}" for kind, state in cell["steps"].items())


def _span(seconds: float) -> str:
    """`42 s`, `3 min`, `2 h 10 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
