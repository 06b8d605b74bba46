"""What an evaluation found, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby
from typing import Any

# what metrics take, by the table that they are shown in
TABLES = {
    "texts": "back-translation",
    "videos": "videos",
    "clips": "videos",
    "identities": "videos",
    "poses": "wrists, as fractions of the frame",
    "tokens": "tokens",
    "embeddings": "tokens",
    "costs": "costs",
}

RATIO = "bleu4"  # shown over the ground truth's; `results.json` has the ratio of every number of read texts


@dataclass(frozen=True)
class Value:
    """One number of one row, and all that is needed to read it."""

    row: str
    metric: str
    name: str
    value: float
    n: int
    signature: str
    higher_is_better: bool
    target: float | None
    takes: str
    evaluator: str = ""  # what was read back into text, pose or video

    @property
    def heading(self) -> str:
        """The name with an arrow: up or down to what is better, or the best value."""
        if self.target is not None:
            return f"{self.name} →{self.target:g}"
        return f"{self.name} {'↑' if self.higher_is_better else '↓'}"


@dataclass(frozen=True)
class LeftOut:
    """A metric that a row lacks (every row, where none is named), and why."""

    metric: str
    reason: str
    row: str | None = None


@dataclass
class Evaluation:
    """All numbers of one run on one split."""

    about: dict[str, Any]
    values: list[Value] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The content of `results.json`."""
        return {
            **self.about,
            "values": [self._as_json(value) for value in self.values],
            "left_out": [asdict(item) for item in self.left_out],
            "remarks": self.remarks,
        }

    def value(self, row: str, name: str, evaluator: str | None = None) -> float:
        """One number, by the first evaluator where none is named; KeyError where it was left out."""
        for found in self.values:
            if (found.row, found.name) == (row, name) and evaluator in (None, found.evaluator):
                return found.value
        raise KeyError((row, name))

    def ratio(self, value: Value) -> float | None:
        """A number of read texts over that of the ground truth, which is what its evaluator can read at all."""
        first = (self.about["rows"][0], value.name, value.evaluator)
        truth = (v.value for v in self.values if value.evaluator and (v.row, v.name, v.evaluator) == first)
        read = next(truth, 0.0)
        return value.value / read if read else None

    def _as_json(self, value: Value) -> dict[str, Any]:
        about = asdict(value)
        del about["takes"]
        if value.evaluator:
            about["ratio"] = self.ratio(value)
        else:
            del about["evaluator"]
        return about


def table(evaluation: Evaluation, rows: Sequence[str]) -> list[str]:
    """Lines for a terminal: a table for each sort of metric, then signatures, then what was left out and why."""
    lines: list[str] = []
    for title in dict.fromkeys(TABLES.values()):
        found = [value for value in evaluation.values if TABLES.get(value.takes) == title]
        for evaluator in dict.fromkeys(value.evaluator for value in found):
            own = [value for value in found if value.evaluator == evaluator]
            named = f"{title} ({evaluator})" if evaluator else title
            lines += [*_grid(named, own, rows, evaluation), ""]
    lines += [about["signature"] for about in evaluation.about.get("evaluators", {}).values()]
    lines += [f"{name}: {text}" for name, text in _signatures(evaluation.values).items()]
    if evaluation.left_out:
        lines += ["", "Left out:", *_reasons(evaluation.left_out)]
    return lines + ([""] if evaluation.remarks else []) + evaluation.remarks


def _grid(title: str, values: Sequence[Value], rows: Sequence[str], evaluation: Evaluation) -> list[str]:
    columns = list(dict.fromkeys(value.heading for value in values))
    cells = {(value.row, value.heading): f"{value.value:.4g}" for value in values}
    ratios = {
        value.row: ratio for value in values if value.name == RATIO and (ratio := evaluation.ratio(value))
    }
    if ratios:
        columns.append(f"{RATIO}/truth")
        cells |= {(row, columns[-1]): f"{ratio:.3f}" for row, ratio in ratios.items()}
    shown = [row for row in rows if any(row == place for place, _ in cells)]
    widths = [max(len(column), 8) for column in columns]
    first = max(len(title), *(len(row) for row in rows))
    lines = ["  ".join([title.ljust(first), *(c.rjust(w) for c, w in zip(columns, widths, strict=True))])]
    for row in shown:
        found = (cells.get((row, column), "-").rjust(w) for column, w in zip(columns, widths, strict=True))
        lines.append("  ".join([row.ljust(first), *found]))
    return lines


def _signatures(values: Sequence[Value]) -> Mapping[str, str]:
    return {value.metric: f"n={value.n}, {value.signature}" for value in values}


def _reasons(left_out: Sequence[LeftOut]) -> list[str]:
    """Metrics that share a reason share a line."""
    key = _reason
    grouped = groupby(sorted(left_out, key=key), key=key)
    return [
        f"  {', '.join(dict.fromkeys(item.metric for item in items))}: {reason}" for reason, items in grouped
    ]


def _reason(item: LeftOut) -> str:
    return item.reason if item.row is None else f"{item.reason} ({item.row})"
