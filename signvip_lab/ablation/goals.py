"""Claims of a study, held against its numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from signvip_lab.ablation.evidence import Evidence, weigh
from signvip_lab.ablation.study import Goal
from signvip_lab.ablation.summary import Column, Row, Summary


@dataclass(frozen=True)
class Verdict:
    """One claim: the pairs of rows in which it was tried, as (others alike, better, worse, evidence), and its outcome.

    It holds where means say so; it is claimed where chance is excluded as well.
    """

    says: str
    value: str
    pairs: list[tuple[str, float, float, Evidence]]
    held: int

    @property
    def claimed(self) -> int:
        """The number of pairs in which the interval says so, too."""
        return sum(bool(evidence.better) for *_, evidence in self.pairs)

    def __str__(self) -> str:
        if not self.pairs:
            return f"{self.says}: not tried, for want of {self.value}"
        word = {len(self.pairs): "holds", 0: "does not hold"}.get(self.held, "holds in part")
        shown = "; ".join(
            f"{place}{better:.4g} against {worse:.4g}, {evidence}"
            for place, better, worse, evidence in self.pairs
        )
        told = f"beyond chance in {self.claimed} of {len(self.pairs)}"
        return f"{self.says}: {word}, {self.held} of {len(self.pairs)}, {told} ({shown})"


def judge(summary: Summary, goal: Goal) -> Verdict:
    """Compare the means of rows that differ in nothing but what the goal names."""
    measured = {column.key: column for column in summary.columns if column.sample is not None}
    column = next((measured[key] for key in goal.value if key in measured), Column(goal.value[0]))
    pairs, held = [], 0
    worse = {_rest(row, goal): row for row in summary.rows if _fits(row, goal.worse)}
    for row in summary.rows:
        other = worse.get(_rest(row, goal)) if _fits(row, goal.better) else None
        if other is None or column.key not in row.numbers or column.key not in other.numbers:
            continue
        first, second = row.numbers[column.key], other.numbers[column.key]
        held += column.distance(first) < column.distance(second)
        evidence = weigh(row.found(column.key), other.found(column.key))
        pairs.append((_place(row, goal), first.mean, second.mean, evidence))
    return Verdict(goal.says, column.key, pairs, held)


def _fits(row: Row, wanted: Mapping[str, Any]) -> bool:
    return all(row.labels.get(axis) == label for axis, label in wanted.items())


def _rest(row: Row, goal: Goal) -> str:
    named = {*goal.better, *goal.worse}
    return json.dumps({axis: label for axis, label in row.labels.items() if axis not in named}, default=str)


def _place(row: Row, goal: Goal) -> str:
    named = {*goal.better, *goal.worse}
    words = [f"{axis} {label}" for axis, label in row.labels.items() if axis not in named]
    return f"{', '.join(words)}: " if words else ""
