"""An evaluation as tables and figures of a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from signvip.data.baseline import STILL
from signvip_lab.evaluation.making import TRUTH
from signvip_lab.evaluation.reading import ORACLE
from signvip_lab.evaluation.results import RATIO, Evaluation, Value, sections
from signvip_lab.pages.contents import Cell, Column, Figure, Table
from signvip_lab.pages.dots import Dot, Dots, draw_dots

NOTHING = Cell("-")
NOT_MADE = (TRUTH, ORACLE)  # what no model made is no rival


def tables(evaluation: Evaluation) -> Iterator[Table]:
    """Yield a table for each sort of metric: a line for each row, a column for each number."""
    for title, values in sections(evaluation):
        columns: dict[str, list[Value]] = {}
        for value in values:
            columns.setdefault(value.heading, []).append(value)
        rows = [row for row in evaluation.about["rows"] if any(value.row == row for value in values)]
        cells = {name: _cells(evaluation, found) for name, found in columns.items()}
        heads = [Column(name, found[0].unit) for name, found in columns.items()]
        if ratios := _ratios(evaluation, values):
            cells[f"{RATIO}/truth"] = ratios
            heads.append(Column(f"{RATIO}/truth"))
        yield Table(
            name=title.replace(" ", "-").replace(",", ""),
            caption=title[:1].upper() + title[1:],
            columns=[Column("videos", numbers=False), *heads],
            lines=[[Cell(row), *(found.get(row, NOTHING) for found in cells.values())] for row in rows],
        )


def _cells(evaluation: Evaluation, values: Sequence[Value]) -> dict[str, Cell]:
    best = _best(evaluation, [value for value in values if value.row not in NOT_MADE])
    return {
        value.row: Cell(f"{value.value:.4g}", value.value, value.interval, value is best) for value in values
    }


def _best(evaluation: Evaluation, rivals: Sequence[Value]) -> Value | None:
    """Return the number that is better than all others beyond chance, if there is one."""
    for value in rivals:
        others = [other for other in rivals if other is not value]
        if others and all(evaluation.difference(value, other).better for other in others):
            return value
    return None


def _ratios(evaluation: Evaluation, values: Sequence[Value]) -> dict[str, Cell]:
    found = ((value, evaluation.ratio(value)) for value in values if value.name == RATIO)
    return {
        value.row: Cell(f"{ratio:.3f}", ratio, evaluation.ratio_interval(value))
        for value, ratio in found
        if ratio
    }


def figure(evaluation: Evaluation) -> Figure | None:
    """Draw what was made between a still picture and the truth; None where nothing can be compared with a still."""
    panels = []
    for _, values in sections(evaluation):
        for name in dict.fromkeys(value.heading for value in values):
            panel = _panel([value for value in values if value.heading == name])
            panels += [draw_dots(panel)] if panel else []
    if not panels:
        return None
    level = round(100 * evaluation.about["bootstrap"]["level"])
    return Figure(
        f"What was made, against a still picture (dashed) and the truth (solid): the dots are means over "
        f"{evaluation.about['clips']} clips, the bars their {level} % intervals, the small dots single clips. A dot "
        "beats a still picture where it lies on the truth's side of the dashed line.",
        panels,
    )


def _panel(values: Sequence[Value]) -> Dots | None:
    """Return a panel, but for numbers in which a still is as good as the truth, such as its length."""
    rows = {value.row: value for value in values}
    still, made = rows.get(STILL), [value for value in values if value.row not in (*NOT_MADE, STILL)]
    truth = rows.get(TRUTH)
    if still is None or not made or (truth is not None and truth.value == still.value):
        return None
    return Dots(
        axis=f"{still.heading}, {still.unit}" if still.unit else still.heading,
        dots=[Dot(v.row, v.value, v.interval, [one for one in v.clips if one is not None]) for v in made],
        still=still.value,
        truth=None if truth is None else truth.value,
    )
