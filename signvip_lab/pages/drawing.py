"""Figures by matplotlib in the colours of the dress; inside a page they change with it, light and dark."""

from __future__ import annotations

import io
import re
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from signvip.dress import stylesheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LIGHT = dict(re.findall(r"--([\w-]+): light-dark\((#\w{6})", stylesheet()))
SERIES = [LIGHT[name] for name in LIGHT if name.startswith("series-")]
MARKERS = "osD^vPX*"  # beside the colour, for who does not see it
STYLE: dict[str, Any] = {
    "svg.fonttype": "none",  # words stay words: the page's font, and what a screen reader finds
    "text.parse_math": False,  # a name of an axis may hold a dollar
    "font.size": 9,
    "text.color": LIGHT["ink"],
    "axes.labelcolor": LIGHT["ink"],
    "axes.edgecolor": LIGHT["line"],
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": LIGHT["grey"],
    "ytick.color": LIGHT["grey"],
    "legend.frameon": False,
}
_COLOURS = {shade: f"var(--{name})" for name, shade in LIGHT.items()}
_OUTSIDE = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>| xmlns(:\w+)?=\"[^\"]*\"", re.DOTALL)
_SIZE = re.compile(r'(<svg[^>]*?) (?:width|height)="[^"]*"')
_NAME = re.compile(r' id="[a-zA-Z]+[\w.]*_\d+"')  # `axes_1`: figures of one page would share them
_FAMILY = re.compile(r"font-family: [^;\"]+")


def styled(name: str) -> AbstractContextManager[None]:
    """Set matplotlib's style for one figure; its name makes the ids inside it differ from those of others."""
    from matplotlib import rc_context

    settings: Any = {**STYLE, "svg.hashsalt": name}
    return rc_context(settings)


def as_svg(figure: Figure) -> Markup:
    """Return a figure as a part of an HTML page, with the page's font and colours."""
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    text = out.getvalue()
    text = _OUTSIDE.sub("", text[text.index("<svg") :]).replace("xlink:href", "href")
    for rule, put in ((_SIZE, r"\1"), (_SIZE, r"\1"), (_NAME, ""), (_FAMILY, "font-family: var(--sans)")):
        text = rule.sub(put, text)
    for shade, name in _COLOURS.items():
        text = text.replace(shade, name)
    return Markup(text)  # matplotlib has escaped its words


def mark(place: Axes, value: float, words: str, dashes: str, vertical: bool) -> None:
    """Draw a line across a panel, with its name: a still picture, or the truth."""
    draw = place.axvline if vertical else place.axhline
    draw(value, color=LIGHT["grey"], linestyle=dashes, linewidth=1, zorder=0, label=words)
