"""Results of an evaluation, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

from signvip.data.baseline import STILL
from signvip_lab.evaluation import chance

# what metrics take, by the table that they are shown in
TABLES = {
    "texts": "back-translation",
    "videos": "videos",
    "clips": "videos",
    "identities": "videos",
    "poses": "poses, as fractions of the frame",
    "keypoints": "poses, in pixels of the frames",
    "tokens": "tokens",
    "embeddings": "tokens",
    "costs": "costs",
}

LEADING = ("hand_ssim", "face_ssim")  # hands and faces sign; the rest of a picture is right in a still, too
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
    interval: tuple[float, float] | None = None  # 95 %, over clips
    clips: Sequence[float | None] = ()  # the same number of each clip alone
    unit: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Return what tells a number from the others of an evaluation."""
        return self.row, self.name, self.evaluator

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


@dataclass(frozen=True)
class Difference:
    """The amount by which a row is better than another on the same clips: above 0 is better, whatever the direction."""

    row: str
    over: str
    name: str
    evaluator: str
    gain: float
    interval: tuple[float, float] | None

    @property
    def better(self) -> bool | None:
        """Return True for better, False for worse, and None where chance may have made the difference."""
        return chance.better(self.interval)


@dataclass
class Evaluation:
    """All numbers of one run on one split."""

    about: dict[str, Any]
    values: list[Value] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    texts: dict[str, dict[str, list[str]]] = field(
        default_factory=dict
    )  # read in each clip: row, back-translator
    draws: dict[tuple[str, str, str], np.ndarray] = field(default_factory=dict, repr=False)  # of `Value.key`

    def add(self, value: Value, draws: np.ndarray | None = None) -> None:
        """Keep a number, and what it is on each draw of clips."""
        self.values.append(value)
        if draws is not None:
            self.draws[value.key] = draws

    def differences(self, over: str) -> list[Difference]:
        """Return every number of every other row that `over` has too, paired by clip; true clips are not compared."""
        there = {(value.name, value.evaluator): value for value in self.values if value.row == over}
        rows = [row for row in self.about["rows"][1:] if row != over]
        pairs = [(v, there.get((v.name, v.evaluator))) for v in self.values if v.row in rows]
        return [self.difference(value, other) for value, other in pairs if other is not None]

    def difference(self, value: Value, other: Value) -> Difference:
        """Compare a number of two rows."""
        better = partial(chance.gain, higher_is_better=value.higher_is_better, target=value.target)
        gain = float(better(np.array(value.value), np.array(other.value)))
        first, second = self.draws.get(value.key), self.draws.get(other.key)
        found = None
        if first is not None and second is not None and len(value.clips) == len(other.clips):
            found = chance.interval(better(first, second))
        return Difference(value.row, other.row, value.name, value.evaluator, gain, found)

    def as_json(self) -> dict[str, Any]:
        """Return the content of `results.json`."""
        return {
            **self.about,
            "values": [self._as_json(value) for value in self.values],
            "differences": [{**asdict(d), "better": d.better} for d in self.differences(STILL)],
            "texts": self.texts,
            "left_out": [asdict(item) for item in self.left_out],
            "remarks": self.remarks,
        }

    def value(self, row: str, name: str, evaluator: str | None = None) -> float:
        """Return one number, by the first back-translator where none is named; KeyError where it was left out."""
        for found in self.values:
            if (found.row, found.name) == (row, name) and evaluator in (None, found.evaluator):
                return found.value
        raise KeyError((row, name))

    def ratio(self, value: Value) -> float | None:
        """Return a number of read texts over that of the truth, which is what its back-translator can read at all."""
        first = (self.about["rows"][0], value.name, value.evaluator)
        truth = (v.value for v in self.values if value.evaluator and (v.row, v.name, v.evaluator) == first)
        read = next(truth, 0.0)
        return value.value / read if read else None

    def ratio_interval(self, value: Value) -> chance.Interval | None:
        """Return the interval of that ratio, both read on the same draws of clips."""
        truth = self.draws.get((self.about["rows"][0], value.name, value.evaluator))
        own = self.draws.get(value.key)
        if truth is None or own is None or len(own) != len(truth):
            return None
        return chance.interval(np.divide(own, truth, out=np.full_like(own, np.nan), where=truth != 0))

    def _as_json(self, value: Value) -> dict[str, Any]:
        about = asdict(value)
        del about["takes"]
        if value.evaluator:
            about["ratio"] = self.ratio(value)
            about["ratio_interval"] = self.ratio_interval(value)
        else:
            del about["evaluator"]
        return about


def table(evaluation: Evaluation) -> list[str]:
    """Return lines for a terminal: the grids, then signatures, then what was left out and why."""
    lines = [*grids(evaluation), *notes(evaluation), *signatures(evaluation)]
    if evaluation.left_out:
        lines += ["", "Left out:", *(f"  {line}" for line in reasons(evaluation.left_out))]
    return lines + ([""] if evaluation.remarks else []) + evaluation.remarks


def grids(evaluation: Evaluation) -> list[str]:
    """Return lines for a terminal: a table for each sort of metric, and what each row has over a still."""
    lines: list[str] = []
    for title, values in sections(evaluation):
        lines += [*_grid(title, values, evaluation.about["rows"], evaluation), ""]
    return lines + _differences(evaluation)


def sections(evaluation: Evaluation) -> Iterator[tuple[str, list[Value]]]:
    """Yield the numbers of each table with its title, those that matter most first."""
    for title in dict.fromkeys(TABLES.values()):
        found = sorted((v for v in evaluation.values if TABLES.get(v.takes) == title), key=_place)
        for evaluator in dict.fromkeys(value.evaluator for value in found):
            own = [value for value in found if value.evaluator == evaluator]
            yield (f"{title} ({evaluator})" if evaluator else title), own


def _grid(title: str, values: Sequence[Value], rows: Sequence[str], evaluation: Evaluation) -> list[str]:
    """Return a line for each row, and below it the intervals of its numbers."""
    cells = {(value.row, value.heading): f"{value.value:.4g}" for value in values}
    spans = {(value.row, value.heading): _span(value.interval) for value in values}
    for value in values:
        if value.name == RATIO and (ratio := evaluation.ratio(value)):
            place = value.row, f"{RATIO}/truth"
            cells[place], spans[place] = f"{ratio:.3f}", _span(evaluation.ratio_interval(value))
    columns = list(dict.fromkeys(column for _, column in cells))
    columns.sort(key=lambda column: column == f"{RATIO}/truth")
    widths = [max(len(c), 8, *(len(spans.get((row, c), "")) for row in rows)) for c in columns]
    first = max(len(title), *(len(row) for row in rows))
    lines = [_line(title, columns, first, widths)]
    for row in (row for row in rows if any(row == place for place, _ in cells)):
        lines.append(_line(row, [cells.get((row, column), "-") for column in columns], first, widths))
        if any(spans.get((row, column)) for column in columns):
            lines.append(_line("", [spans.get((row, column), "") for column in columns], first, widths))
    return lines


def _line(name: str, cells: Sequence[str], first: int, widths: Sequence[int]) -> str:
    return "  ".join([name.ljust(first), *(cell.rjust(w) for cell, w in zip(cells, widths, strict=True))])


def _span(found: chance.Interval | None) -> str:
    """`0.57..0.6`; nothing where there is no interval."""
    return "" if found is None else f"{found[0]:.3g}..{found[1]:.3g}"


def _place(value: Value) -> int:
    return LEADING.index(value.name) if value.name in LEADING else len(LEADING)


def _differences(evaluation: Evaluation) -> list[str]:
    """Return a line with each row's gain over a still, number by number, and what chance leaves of it."""
    found = evaluation.differences(STILL)
    lines = []
    for row in dict.fromkeys(d.row for d in found):
        told = ", ".join(_told(d) for d in found if d.row == row and d.interval is not None)
        lines += [f"{row}, gain over {STILL}: {told}"] if told else []
    return lines + [""] * bool(lines)


def _told(difference: Difference) -> str:
    word = {True: "", False: " (worse)", None: " (chance)"}[difference.better]
    read = f" ({difference.evaluator})" if difference.evaluator else ""
    return f"{difference.name}{read} {difference.gain:+.3g} [{_span(difference.interval)}]{word}"


def notes(evaluation: Evaluation) -> list[str]:
    """Return notes on how intervals were made, and on how many frames count."""
    lines = []
    if any(value.interval for value in evaluation.values):
        few = max(len(value.clips) for value in evaluation.values) < chance.FEW
        narrow = "; so few clips make it too narrow" if few else ""
        lines.append(f"below each row: 95 % over clips (paired bootstrap){narrow}; a gain above 0 is better")
    frames = evaluation.about.get("frames")
    if frames:
        lines.append(f"{frames['count']} of {frames['all']} frames count: {frames['rule']}")
    return lines


def signatures(evaluation: Evaluation) -> list[str]:
    """Return a line for each back-translator and each metric: what it is, exactly."""
    readers = [str(about["signature"]) for about in evaluation.about.get("evaluators", {}).values()]
    metrics = {value.metric: f"n={value.n}, {value.signature}" for value in evaluation.values}
    return [*readers, *(f"{name}: {text}" for name, text in metrics.items())]


def reasons(left_out: Sequence[LeftOut]) -> list[str]:
    """Return a line for each reason with the metrics that were left out for it."""
    key = _reason
    grouped = groupby(sorted(left_out, key=key), key=key)
    return [
        f"{', '.join(dict.fromkeys(item.metric for item in items))}: {reason}" for reason, items in grouped
    ]


def _reason(item: LeftOut) -> str:
    return item.reason if item.row is None else f"{item.reason} ({item.row})"
