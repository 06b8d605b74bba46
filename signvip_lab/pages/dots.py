"""A panel of dots with intervals, one line of it for each row, between a still picture and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten

from markupsafe import Markup

from signvip_lab.pages.drawing import LIGHT, as_svg, mark, styled

WIDTH, LINE, BESIDE = 4.2, 0.3, 0.8  # inches: of the panel, for each row, for the axis
BELOW = 0.25  # of a line: where the dots of single clips are
LONGEST = 32  # letters of the name of a line
FAR = 2.0  # a truth that is so many spans of the other numbers away from them is named, and not drawn


@dataclass(frozen=True)
class Dot:
    """One row: a number, its interval and the numbers of single clips."""

    name: str
    value: float
    interval: tuple[float, float] | None = None
    clips: Sequence[float] = ()


@dataclass(frozen=True)
class Dots:
    """One panel."""

    axis: str
    dots: Sequence[Dot]
    still: float
    truth: float | None = None

    @property
    def far(self) -> bool:
        """Whether the truth is so far off (a PSNR of 100 dB) that the rest would be squeezed together."""
        own = [
            self.still,
            *(value for dot in self.dots for value in (dot.value, *dot.clips, *(dot.interval or ()))),
        ]
        reach = FAR * (max(own) - min(own))
        return self.truth is not None and not min(own) - reach <= self.truth <= max(own) + reach

    @property
    def words(self) -> str:
        """Return the same for who cannot see it."""
        told = [f"{dot.name} {dot.value:.3g}" for dot in self.dots] + [f"a still picture {self.still:.3g}"]
        told += [] if self.truth is None else [f"the truth {self.truth:.3g}"]
        return f"{self.axis}: {', '.join(told)}"


def draw_dots(panel: Dots) -> tuple[str, Markup]:
    """Return what a figure holds of a panel: words, and the drawing."""
    from matplotlib.figure import Figure

    with styled(panel.axis):
        figure = Figure((WIDTH, BESIDE + LINE * len(panel.dots)), layout="constrained")
        place = figure.subplots()
        for line, dot in enumerate(panel.dots):
            place.plot(dot.clips, [line + BELOW] * len(dot.clips), "o", color=LIGHT["grey"], markersize=3)
            if dot.interval:
                place.plot(dot.interval, [line, line], color=LIGHT["accent"], linewidth=2)
            place.plot([dot.value], [line], "o", color=LIGHT["accent"], markersize=7)
        mark(place, panel.still, "a still picture", "--", vertical=True)
        if panel.truth is not None and not panel.far:
            mark(place, panel.truth, "the truth", "-", vertical=True)
        place.set_yticks(
            range(len(panel.dots)), [shorten(dot.name, LONGEST, placeholder=" ...") for dot in panel.dots]
        )
        place.set_ylim(len(panel.dots) - 0.5, -0.5)
        place.tick_params(axis="y", length=0)
        place.spines["left"].set_visible(False)
        place.set_xlabel(f"{panel.axis} (truth: {panel.truth:.3g}, not drawn)" if panel.far else panel.axis)
        return panel.words, as_svg(figure)
