"""The page as a whole: for eyes, ears, thumbs, and without a network."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from steps import STATE, make

import signvip_serve

STATIC = Path(signvip_serve.__file__).parent / "static"


@pytest.fixture(scope="module")
def axe():
    """The script of axe-core, which axe-core-python brings."""
    found = importlib.util.find_spec("axe_core_python")
    if found is None:
        pytest.skip("axe-core-python is not installed")
    return (Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(open_page, chrome):
    """The page with a video of words that the model knows and one that it does not."""
    with open_page():
        make(chrome, "rain in the north and volcano")
        yield chrome
        chrome.prefer()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
def test_axe_finds_nothing(made, axe, width, scheme):
    made.prefer(color_scheme=scheme)
    made.resize(width, 900)
    made.run("document.querySelectorAll('details').forEach((one) => (one.open = true))")
    made.run(f"{axe}; null")
    for tab in ("pose", "timing", "origin"):
        made.run(f"document.getElementById('tab-{tab}').click()")
        assert made.run(FAULTS) == "[]", tab
    made.click("#upload")
    made.until("document.getElementById('consent').open")
    assert made.run(FAULTS) == "[]", "consent"
    made.press("Escape")


FAULTS = (
    "axe.run().then((found) => JSON.stringify(found.violations.map((one) => "
    "[one.id, one.nodes.map((node) => node.target + ' ' + node.failureSummary)])))"
)


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_screen(made, width):
    made.resize(width, 900)
    for tab in ("pose", "timing", "origin"):
        made.run(f"document.getElementById('tab-{tab}').click()")
        assert made.run("document.documentElement.scrollWidth") <= width, tab


def test_the_keyboard_alone_makes_a_video_and_saves_it(opened):
    opened.run("document.activeElement.blur()")
    _tab_to(opened, "text")
    opened.type("rain")
    _tab_to(opened, "make")
    opened.press("Enter")
    opened.until(f"{STATE}.startsWith('Made')")
    _tab_to(opened, "tab-pose")
    opened.press("ArrowRight")
    assert opened.run("document.getElementById('view-timing').hidden") is False
    opened.press("ArrowLeft")
    opened.press("Tab")
    assert opened.run("document.activeElement.closest('#view-pose') !== null")


def _tab_to(page, name):
    for _ in range(40):
        page.press("Tab")
        if page.run("document.activeElement.id") == name:
            visible = page.run("getComputedStyle(document.activeElement).outlineStyle")
            assert visible != "none", f"the focus on {name} cannot be seen"
            return
    raise AssertionError(f"the keyboard does not reach {name}")


def test_it_asks_nobody_but_its_server(opened):
    make(opened)
    asked = opened.run("performance.getEntriesByType('resource').map((one) => one.name).join('\\n')")
    base = opened.run("location.origin")
    assert asked and all(one.startswith((base, f"blob:{base}", "data:")) for one in asked.splitlines())


def test_its_files_name_no_other_site():
    for path in STATIC.glob("*.*"):
        if path.suffix in (".html", ".js", ".css"):
            told = path.read_text(encoding="utf-8").replace("https://www.w3.org/", "")
            assert "http" not in told.replace("HTTP", ""), path.name


def test_the_template_is_that_of_the_docs():
    docs = Path(__file__).parents[3] / "docs" / "ethics" / "consent.md"
    assert (STATIC / "consent.md").read_text(encoding="utf-8") == docs.read_text(encoding="utf-8")
