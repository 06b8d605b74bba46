"""Figures of a study: PNG and PDF, and beside them a JSON of the numbers that are drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signvip.storage.files import replacing, write_text
from signvip_lab.ablation.study import Figure
from signvip_lab.ablation.summary import Column, Number, Row, Summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL = (4.6, 3.6)  # inches
SUFFIXES = (".png", ".pdf", ".json")
MOST_FIGURES = 8  # where a study names none: one for each of the first columns


@dataclass(frozen=True)
class Series:
    """One line, or one set of bars."""

    label: str
    x: list[Any]
    mean: list[float]
    deviation: list[float | None]
    seeds: list[int]


@dataclass(frozen=True)
class Panel:
    """One value over one axis."""

    key: str
    heading: str
    series: list[Series]


def figures_of(summary: Summary, figures: tuple[Figure, ...]) -> tuple[Figure, ...]:
    """Return a study's own figures; where it has none, each value over the first axis of numbers."""
    if figures or not summary.axes:
        return figures
    numeric = [axis for axis in summary.axes if _are_numbers([row.labels[axis] for row in summary.rows])]
    x = (numeric or summary.axes)[0]
    found = [column.key for column in summary.columns if column.sample][:MOST_FIGURES]
    return tuple(Figure(name=key.replace("/", "-").replace(" ", "-"), x=x, y=(key,)) for key in found)


def draw_all(out: Path, summary: Summary, figures: Sequence[Figure]) -> list[Path]:
    """Draw a report's figures, and remove those of a report that was here before: they are of other cells."""
    made = [path for figure in figures if (path := draw(out, summary, figure)) is not None]
    stems = {path.stem for path in made}
    for path in out.glob("*.*"):
        if path.suffix in SUFFIXES and path.stem not in stems:
            path.unlink()
    return made


def draw(out: Path, summary: Summary, figure: Figure) -> Path | None:
    """Write `NAME.png`, `NAME.pdf` and `NAME.json`; None where no cell has any of its values."""
    panels = [panel for key in figure.y if (panel := _panel(summary, figure, key)).series]
    if not panels:
        return None
    _paint(out, figure, panels)
    told = {**figure.model_dump(mode="json"), "panels": [asdict(panel) for panel in panels]}
    write_text(out / f"{figure.name}.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    return out / f"{figure.name}.png"


def _panel(summary: Summary, figure: Figure, key: str) -> Panel:
    column = next((column for column in summary.columns if column.key == key), Column(key))
    lines: dict[str, list[Row]] = {}
    for row in summary.rows:
        if key in row.numbers:
            lines.setdefault(_line(row, figure, summary.axes), []).append(row)
    return Panel(key, column.heading, [_series(label, rows, figure, key) for label, rows in lines.items()])


def _line(row: Row, figure: Figure, axes: list[str]) -> str:
    if figure.lines is not None:
        return str(row.labels.get(figure.lines, ""))
    return ", ".join(f"{axis} {row.labels[axis]}" for axis in axes if axis != figure.x)


def _series(label: str, rows: list[Row], figure: Figure, key: str) -> Series:
    points: list[tuple[Any, Number]] = [
        (row.labels.get(figure.x, row.facts.get(figure.x)), row.numbers[key]) for row in rows
    ]
    if _are_numbers([x for x, _ in points]):
        points.sort(key=lambda point: float(point[0]))
    return Series(
        label,
        [x for x, _ in points],
        [number.mean for _, number in points],
        [number.deviation for _, number in points],
        [number.seeds for _, number in points],
    )


def _paint(out: Path, figure: Figure, panels: list[Panel]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    out.mkdir(parents=True, exist_ok=True)
    size = (PANEL[0] * len(panels), PANEL[1])
    drawn, axes = pyplot.subplots(1, len(panels), figsize=size, squeeze=False, layout="constrained")
    for panel, place in zip(panels, axes[0], strict=True):
        _fill(place, figure, panel)
    if max(len(panel.series) for panel in panels) > 1:
        shown = dict(
            zip(*reversed(_legend(axes[0])), strict=True)
        )  # a line in two panels is one in the legend
        drawn.legend(
            shown.values(), shown, loc="outside lower center", ncols=3, frameon=False, fontsize="small"
        )
    for suffix in ("png", "pdf"):
        with replacing(out / f"{figure.name}.{suffix}") as temporary:
            drawn.savefig(temporary, format=suffix, dpi=150, metadata=_no_date(suffix))
    pyplot.close(drawn)


def _fill(place: Axes, figure: Figure, panel: Panel) -> None:
    if _are_numbers([x for line in panel.series for x in line.x]):
        _lines(place, figure, panel)
    else:
        _bars(place, panel)
    place.set_xlabel(figure.x)
    place.set_ylabel(panel.heading)
    place.spines[["top", "right"]].set_visible(False)


def _legend(places: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """Return the handles and labels of all panels."""
    found = [place.get_legend_handles_labels() for place in places]
    return [handle for handles, _ in found for handle in handles], [
        label for _, names in found for label in names
    ]


def _lines(place: Axes, figure: Figure, panel: Panel) -> None:
    for line in panel.series:
        (drawn,) = place.plot(line.x, line.mean, marker="o", markersize=4, label=line.label)
        low, high = _band(line)
        place.fill_between(line.x, low, high, color=drawn.get_color(), alpha=0.2, linewidth=0)
    ticks = sorted({x for line in panel.series for x in line.x})
    if figure.scale == "log2":
        place.set_xscale("log", base=2)
    elif figure.scale == "symlog":
        place.set_xscale("symlog", linthresh=min((x for x in ticks if x > 0), default=1.0))
    place.set_xticks(ticks, [f"{tick:g}" for tick in ticks], fontsize="small")
    place.minorticks_off()


def _bars(place: Axes, panel: Panel) -> None:
    names = list(dict.fromkeys(x for line in panel.series for x in line.x))
    width = 0.8 / len(panel.series)
    for number, line in enumerate(panel.series):
        at = [names.index(x) + (number - (len(panel.series) - 1) / 2) * width for x in line.x]
        # one seed has no spread, which is not a spread of nothing
        spread = [math.nan if deviation is None else deviation for deviation in line.deviation]
        place.bar(at, line.mean, width, yerr=spread, capsize=3, label=line.label)
    place.set_xticks(range(len(names)), [str(name) for name in names], fontsize="small")


def _band(line: Series) -> tuple[list[float], list[float]]:
    """Return one deviation to each side; nothing where there is one seed."""
    spread = [deviation or 0.0 for deviation in line.deviation]
    pairs = list(zip(line.mean, spread, strict=True))
    return [mean - width for mean, width in pairs], [mean + width for mean, width in pairs]


def _no_date(suffix: str) -> dict[str, Any]:
    return {"CreationDate": None} if suffix == "pdf" else {}  # the same numbers give the same bytes


def _are_numbers(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) for value in values)
