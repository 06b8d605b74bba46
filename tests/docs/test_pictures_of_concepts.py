"""The pictures of the concepts are those that the script draws, from the model as it is."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
NAMES = re.findall(
    r"\(\.\./images/concepts/(.+?)\.png\)", (DOCS / "concepts/index.md").read_text(encoding="utf-8")
)


@pytest.fixture
def draw(tmp_path, monkeypatch):
    """Import the script; what it draws goes to an empty folder."""
    spec = importlib.util.spec_from_file_location("concepts_draw", DOCS / "concepts/draw.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "OUT", tmp_path)
    return module


def test_the_page_has_ten_and_each_is_small():
    assert len(set(NAMES)) == 10
    for name in NAMES:
        assert (DOCS / f"images/concepts/{name}.png").stat().st_size < 64_000


def test_a_picture_of_windows_is_drawn_as_it_is_stored(draw, tmp_path):
    draw.draw_windows()
    stored = draw.Image.open(DOCS / "images/concepts/10-windows.png")
    made = draw.Image.open(tmp_path / "10-windows.png")
    assert made.size == stored.size and made.convert("RGB").tobytes() == stored.convert("RGB").tobytes()


@pytest.mark.slow
def test_all_ten_are_drawn(draw, tmp_path):
    draw.draw_all(draw.Scene())
    assert {path.stem for path in tmp_path.glob("*.png")} == set(NAMES)
