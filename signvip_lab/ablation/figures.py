"""Figures of a study: PNG and PDF, beside them a JSON of the numbers that are drawn, and panels for the page."""

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
from signvip_lab.pages import contents
from signvip_lab.pages.drawing import LIGHT, MARKERS, SERIES, as_svg, mark, styled

if TYPE_CHECKING:
    from markupsafe import Markup
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

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
    still: float | None = None
    truth: float | None = None  # what its back-translator reads in the ground truth


@dataclass(frozen=True)
class Drawn:
    """A figure as a file, and as a part of the page."""

    path: Path
    shown: contents.Figure


def figures_of(summary: Summary, figures: tuple[Figure, ...]) -> tuple[Figure, ...]:
    """Return a study's own figures; where it has none, each value over the first axis of numbers."""
    if figures or not summary.axes:
        return figures
    numeric = [axis for axis in summary.axes if _are_numbers([row.labels[axis] for row in summary.rows])]
    x = (numeric or summary.axes)[0]
    found = [column.key for column in summary.columns if column.sample][:MOST_FIGURES]
    return tuple(Figure(name=key.replace("/", "-").replace(" ", "-"), x=x, y=(key,)) for key in found)


def draw_all(out: Path, summary: Summary, figures: Sequence[Figure]) -> list[Drawn]:
    """Draw a report's figures, and remove those of a report that was here before: they are of other cells."""
    made = [drawn for figure in figures if (drawn := draw(out, summary, figure)) is not None]
    stems = {drawn.path.stem for drawn in made}
    for path in out.glob("*.*"):
        if path.suffix in SUFFIXES and path.stem not in stems:
            path.unlink()
    return made


def draw(out: Path, summary: Summary, figure: Figure) -> Drawn | None:
    """Write `NAME.png`, `NAME.pdf` and `NAME.json`; None where no cell has any of its values."""
    panels = [panel for key in figure.y if (panel := _panel(summary, figure, key)).series]
    if not panels:
        return None
    _paint(out, figure, panels)
    told = {**figure.model_dump(mode="json"), "panels": [asdict(panel) for panel in panels]}
    write_text(out / f"{figure.name}.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    shown = [(_words(figure, panel), _alone(figure, panel)) for panel in panels]
    return Drawn(out / f"{figure.name}.png", contents.Figure(_caption(figure, panels), shown))


def _caption(figure: Figure, panels: Sequence[Panel]) -> str:
    """Say what is drawn, and what to see in it."""
    series = [line for panel in panels for line in panel.series]
    told = [f"{' and '.join(panel.heading for panel in panels)} over {figure.x}"]
    told += ["an arrow points to what is better"]
    told += (
        ["bands and bars are one sample deviation over seeds"]
        if any(any(s.deviation) for s in series)
        else []
    )
    told += ["dashed: a still picture"] if any(panel.still is not None for panel in panels) else []
    told += ["solid and grey: the ground truth"] if any(panel.truth is not None for panel in panels) else []
    return f"{'; '.join(told)}."


def _words(figure: Figure, panel: Panel) -> str:
    """Return the numbers of a panel for who cannot see it."""
    lines = [
        f"{line.label or panel.key}: "
        + ", ".join(f"{x} {mean:.4g}" for x, mean in zip(line.x, line.mean, strict=True))
        for line in panel.series
    ]
    return f"{panel.heading} over {figure.x}. {'; '.join(lines)}"


def _panel(summary: Summary, figure: Figure, key: str) -> Panel:
    column = next((column for column in summary.columns if column.key == key), Column(key))
    lines: dict[str, list[Row]] = {}
    for row in summary.rows:
        if key in row.numbers:
            lines.setdefault(_line(row, figure, summary.axes), []).append(row)
    unit = f", {column.sample.unit}" if column.sample and column.sample.unit else ""
    series = [_series(label, rows, figure, key) for label, rows in lines.items()]
    return Panel(key, column.heading + unit, series, summary.stills.get(key), column.ceiling)


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
    """Write all panels side by side, as PNG and PDF."""
    from matplotlib.figure import Figure as Canvas

    out.mkdir(parents=True, exist_ok=True)
    with styled(figure.name):
        drawn = Canvas((PANEL[0] * len(panels), PANEL[1]), layout="constrained")
        for panel, place in zip(panels, drawn.subplots(1, len(panels), squeeze=False)[0], strict=True):
            _fill(place, figure, panel)
        _name_lines(drawn)
        for suffix in ("png", "pdf"):
            with replacing(out / f"{figure.name}.{suffix}") as temporary:
                drawn.savefig(temporary, format=suffix, dpi=150, metadata=_no_date(suffix))


def _alone(figure: Figure, panel: Panel) -> Markup:
    """Return one panel for the page, where panels stand below each other on a phone."""
    from matplotlib.figure import Figure as Canvas

    with styled(f"{figure.name} {panel.key}"):
        drawn = Canvas(PANEL, layout="constrained")
        _fill(drawn.subplots(), figure, panel)
        _name_lines(drawn)
        return as_svg(drawn)


def _fill(place: Axes, figure: Figure, panel: Panel) -> None:
    if _are_numbers([x for line in panel.series for x in line.x]):
        _lines(place, figure, panel)
    else:
        _bars(place, panel)
    if panel.still is not None:
        mark(place, panel.still, "a still picture", "--", vertical=False)
    if panel.truth is not None:
        mark(place, panel.truth, "the ground truth", "-", vertical=False)
    place.set_xlabel(figure.x)
    place.set_ylabel(panel.heading)


def _name_lines(drawn: Canvas) -> None:
    """Put the names of all lines below; a line in two panels is one in the legend."""
    found = [place.get_legend_handles_labels() for place in drawn.axes]
    shown = {label: handle for handles, names in found for handle, label in zip(handles, names, strict=True)}
    if len(shown) > 1:
        drawn.legend(shown.values(), shown, loc="outside lower center", ncols=3)


def _lines(place: Axes, figure: Figure, panel: Panel) -> None:
    for number, line in enumerate(panel.series):
        colour, marker = SERIES[number % len(SERIES)], MARKERS[number % len(MARKERS)]
        place.plot(line.x, line.mean, marker=marker, markersize=5, color=colour, label=line.label)
        low, high = _band(line)
        place.fill_between(line.x, low, high, color=colour, alpha=0.2, linewidth=0)
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
        colour = SERIES[number % len(SERIES)]
        place.bar(
            at, line.mean, width, yerr=spread, capsize=3, label=line.label, color=colour, ecolor=LIGHT["ink"]
        )
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
