"""A page with one of everything, to be looked at by tests."""

from __future__ import annotations

from signvip_lab.pages.contents import Cell, Column, Figure, Pane, Row, Table
from signvip_lab.pages.dots import Dot, Dots, draw_dots
from signvip_lab.pages.rendering import write_page

TABLE = Table(
    "numbers",
    "Numbers",
    [Column("row", numbers=False), Column("ssim ↑"), Column("time", "s")],
    [
        [Cell("a"), Cell("0.3333", 1 / 3, (0.25, 0.5), best=True), Cell("-")],
        [Cell("b, c"), Cell("0.0625", 1 / 16, (0.0625, 0.0625)), Cell("2", 2.0)],
    ],
)
FRAMES = 12


def render(folder, clips, words="words", table=TABLE):
    """Write `report.html` with a row of two videos, a figure and a table; returns its path."""
    panel = draw_dots(Dots(words, [Dot(words, 0.5, (0.4, 0.6), [0.4, 0.6])], still=0.3, truth=1.0))
    parts = [Pane(words, clips[0], parts=[words, words], hands=words), Pane("b", clips[-1])]
    row = Row(words, words, 12.0, FRAMES, parts, hands={words: [[None, [1, 2, 3, 4]]] * FRAMES})
    return write_page(
        folder / "report.html", "demo", title=words, about=words, finding=words, notice=words, rows=[row],
        figures=[Figure(words, [panel])], tables=[table], notes=[words], next_line=words,
    )  # fmt: skip
