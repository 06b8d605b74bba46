"""What a page shows, as plain values: clips in rows, tables that sort, figures with a caption."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup

Boxes = list[list[list[int] | None]]
"""For each frame the left and the right hand: x, y, width and height in thousandths of the frame's; None if unseen."""
ABREAST = (
    (2, 1),
    (2, 3, 5),
    (4, 3, 5),
)  # videos in a line on a phone, a tablet and a screen, the better first


@dataclass(frozen=True)
class Pane:
    """One video of a row; `parts` are names of pictures that stand side by side in it, shown one at a time."""

    caption: str
    file: Path
    note: str = ""
    parts: Sequence[str] = ()
    hands: str = ""  # the key of `Row.hands` that says where its hands are


@dataclass(frozen=True)
class Row:
    """Videos that play together, frame by frame."""

    title: str
    about: str
    fps: float
    frames: int  # of the longest
    panes: Sequence[Pane]
    reference: Path | None = None
    hands: dict[str, Boxes] = field(default_factory=dict)

    @property
    def columns(self) -> list[int]:
        """Return how many videos stand in a line on a phone, a tablet and a screen, so that none is alone in one."""
        return [_abreast(len(self.panes), choices) for choices in ABREAST]


def _abreast(count: int, choices: Sequence[int]) -> int:
    """Choose a number of columns: none alone in the last line, then few gaps in it, then the better choice."""
    if count < choices[0]:
        return count
    return min(choices, key=lambda most: (most > 1 and count % most == 1, -count % most))


@dataclass(frozen=True)
class Column:
    """A column of a table; one of numbers stands to the right and sorts by them."""

    heading: str
    unit: str = ""
    numbers: bool = True


@dataclass(frozen=True)
class Cell:
    """What stands in a table: words, and the number that they stand for with its interval, where it is one."""

    text: str
    number: float | None = None
    interval: tuple[float, float] | None = None
    best: bool = False


@dataclass(frozen=True)
class Table:
    """A table with its caption; the first cell of each line names it."""

    name: str  # of the file that its CSV is saved as
    caption: str
    columns: Sequence[Column]
    lines: Sequence[Sequence[Cell]]

    @property
    def csv(self) -> str:
        """The numbers as they are, not as they are printed; an interval is two columns of its own."""
        spans = [any(line[place].interval for line in self.lines) for place in range(len(self.columns))]
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        ends = [[f"{column.heading}{end}" for end in ("", " low", " high")] for column in self.columns]
        writer.writerow(_flat(ends, spans))
        for line in self.lines:
            writer.writerow(_flat([[_plain(cell), *(cell.interval or ("", ""))] for cell in line], spans))
        return out.getvalue()


def _flat(parts: Sequence[Sequence[Any]], spans: Sequence[bool]) -> list[Any]:
    """Join the parts of a line: all three where a column has intervals, else the first."""
    return [item for part, span in zip(parts, spans, strict=True) for item in (part if span else part[:1])]


def _plain(cell: Cell) -> str | float:
    return cell.text if cell.number is None else cell.number


@dataclass(frozen=True)
class Figure:
    """Panels that are drawn alike, with one caption that says what to see; each has words for who cannot see it."""

    caption: str
    panels: Sequence[tuple[str, Markup]]
