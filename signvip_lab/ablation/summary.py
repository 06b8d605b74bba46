"""Cells to rows: mean and spread over seeds, and which row is best at what."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from signvip.data.baseline import STILL
from signvip_lab.ablation.axes import SEED
from signvip_lab.ablation.paper import Reference
from signvip_lab.ablation.records import DEV, DEV_STILL, Record, key_of
from signvip_lab.evaluation.making import TRUTH
from signvip_lab.evaluation.reading import ORACLE
from signvip_lab.evaluation.results import Value

NOT_OF_A_CELL = (TRUTH, ORACLE, STILL, DEV_STILL)  # the same whatever was trained


@dataclass(frozen=True)
class Number:
    """A value over seeds: mean, sample deviation (None of one seed), and how many seeds."""

    mean: float
    deviation: float | None
    seeds: int

    def __str__(self) -> str:
        spread = "" if self.deviation is None else f" ± {self.deviation:.2g}"
        return f"{self.mean:.4g}{spread}"


@dataclass(frozen=True)
class Column:
    """One value that is shown: `row/name`, and how to read it; without a sample nobody has it."""

    key: str
    sample: Value | None = None
    reason: str | None = None  # why nobody has it
    ceiling: float | None = None  # what its back-translator reads in the ground truth

    @property
    def heading(self) -> str:
        """`dev/usage ↑`."""
        if self.sample is None:
            return self.key
        read = f" ({self.sample.evaluator})" if self.sample.evaluator else ""
        return f"{self.sample.row}/{self.sample.heading}{read}"

    def distance(self, number: Number) -> float:
        """Return the distance from the best; only differences mean anything."""
        assert self.sample is not None
        if self.sample.target is not None:
            return abs(number.mean - self.sample.target)
        return -number.mean if self.sample.higher_is_better else number.mean


@dataclass
class Row:
    """Cells that differ in their seed alone."""

    labels: dict[str, Any]
    numbers: dict[str, Number] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)
    seeds: int = 0
    failures: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)  # of the cells that are done

    def found(self, key: str) -> list[tuple[Record, Value]]:
        """Return a value of every cell that has it."""
        return [(record, value) for record in self.records if (value := record.value(key))]

    @property
    def name(self) -> str:
        """`quantizer=fsq codebook=128`."""
        return " ".join(f"{axis}={label}" for axis, label in self.labels.items()) or "as it is"


@dataclass
class Summary:
    """The values that tables and figures are made of."""

    axes: list[str]
    columns: list[Column]
    rows: list[Row]
    references: list[Reference] = field(
        default_factory=list
    )  # of the paper, where they may stand beside ours
    stills: dict[str, float] = field(default_factory=dict)  # the reference, unchanged, by column

    def best(self, column: Column) -> list[int]:
        """Return places of the rows that are best in a column; none where no row is worse, as of what cells share."""
        found = {
            place: column.distance(row.numbers[column.key])
            for place, row in enumerate(self.rows)
            if column.key in row.numbers
        }
        if len(set(found.values())) < 2:
            return []
        least = min(found.values())
        return [place for place, distance in found.items() if distance == least]


def summarise(records: Sequence[Record], columns: Sequence[str] = ()) -> Summary:
    """Rows in the order of the cells, columns as a study names them, or all that were found."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(json.dumps(_group(record), sort_keys=True, default=str), []).append(record)
    keys = list(columns) or _found(records)
    axes = list(dict.fromkeys(axis for record in records for axis in _group(record)))
    columns_ = [_column(key, records) for key in keys]
    rows = [_row(group, keys) for group in groups.values()]
    return Summary(axes, columns_, rows, stills=_stills(columns_, records))


def _stills(columns: Sequence[Column], records: Sequence[Record]) -> dict[str, float]:
    """Return a still's scores on the same clips, by column; through networks of the cells, the mean over them."""
    found: dict[str, float] = {}
    for column in columns:
        if column.sample is not None:
            key = key_of(replace(column.sample, row=still_row(column.sample.row)))
            values = [value.value for record in records if (value := record.value(key))]
            found |= {column.key: statistics.fmean(values)} if values else {}
    return found


def still_row(row: str) -> str:
    """Return the row of the still that goes with a row: dev has its own clips."""
    return DEV_STILL if row == DEV else STILL


def _group(record: Record) -> dict[str, Any]:
    return {axis: label for axis, label in record.labels.items() if axis != SEED}


def _found(records: Iterable[Record]) -> list[str]:
    """Return the keys of all values, but for those of truth and oracle, which are the same for all cells."""
    values = (value for record in records for value in record.values)
    return list(dict.fromkeys(key_of(value) for value in values if value.row not in NOT_OF_A_CELL))


def _column(key: str, records: Sequence[Record]) -> Column:
    found = ((record, value) for record in records if (value := record.value(key)))
    record, sample = next(found, (None, None))
    if record is None or sample is None:
        return Column(key, reason=_reason(key, records))
    ceiling = record.value(key.replace(sample.row, TRUTH)) if sample.evaluator else None
    return Column(key, sample, ceiling=ceiling.value if ceiling else None)


def _reason(key: str, records: Sequence[Record]) -> str:
    """Say why no cell has a value, in the words of `evaluate`: `bleu4` is left out as `bleu`."""
    name = key.rpartition("/")[2]
    for record in records:
        for item in record.left_out:
            if name.startswith(item["metric"]):
                return str(item["reason"])
    return "not measured: these cells were trained up to another stage, or measured by other means"


def _row(records: Sequence[Record], keys: Sequence[str]) -> Row:
    done = [record for record in records if record.status == "done"]
    found = {key: [value.value for record in done if (value := record.value(key))] for key in keys}
    return Row(
        labels=_group(records[0]),
        numbers={key: _number(values) for key, values in found.items() if values},
        facts=done[0].facts if done else {},
        seeds=len(done),
        records=done,
        failures=list(dict.fromkeys(record.reason or "" for record in records if record.status == "failed")),
    )


def _number(values: Sequence[float]) -> Number:
    spread = statistics.stdev(values) if len(values) > 1 else None
    return Number(statistics.fmean(values), spread, len(values))
