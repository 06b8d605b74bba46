"""The stylesheet of all pages: text can be read on its ground, light and dark, and nothing comes from elsewhere."""

from __future__ import annotations

import re

import pytest

from signvip.dress import stylesheet

PAIRS = re.compile(r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)")
COLOURS = {name: shades for name, *shades in PAIRS.findall(stylesheet())}
TEXT = [(text, ground) for text in ("ink", "grey", "accent") for ground in ("paper", "wash")]


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    dark, light = sorted(map(luminance, (first, second)))
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", (0, 1), ids=("light", "dark"))
@pytest.mark.parametrize(("text", "ground"), [*TEXT, ("on-accent", "accent")])
def test_text_stands_out_from_its_ground(text, ground, scheme):
    assert contrast(COLOURS[text][scheme], COLOURS[ground][scheme]) >= 4.5


@pytest.mark.parametrize("scheme", (0, 1), ids=("light", "dark"))
def test_the_edge_of_a_control_is_seen(scheme):
    assert contrast(COLOURS["line"][scheme], COLOURS["paper"][scheme]) >= 3


def test_every_colour_and_size_that_is_used_is_named_and_nothing_is_fetched():
    rules = stylesheet()
    assert set(re.findall(r"var\(--([\w-]+)\)", rules)) <= set(re.findall(r"--([\w-]+):", rules))
    assert "url(" not in rules and "@import" not in rules
