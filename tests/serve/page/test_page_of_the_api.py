"""The page at /docs in a real Chromium."""

from __future__ import annotations

import pytest
from test_page import FAULTS, axe  # noqa: F401 (a fixture)


@pytest.fixture(scope="module")
def shown(serving, chrome):
    with serving(words=True, token="secret") as served:
        chrome.open(f"{served.client.base_url}/docs")
        yield chrome
        chrome.prefer()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_of_the_api(shown, axe, scheme):  # noqa: F811
    shown.prefer(color_scheme=scheme)
    shown.run(f"{axe}; null")
    assert shown.run(FAULTS) == "[]"


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_the_page_of_the_api_fits_the_screen(shown, width):
    shown.resize(width, 900)
    assert shown.run("document.documentElement.scrollWidth") <= width


def test_it_asks_nobody_else(shown):
    loaded = "performance.getEntriesByType('resource').map((one) => new URL(one.name).host)"
    assert set(shown.run(loaded)) == {shown.run("location.host")}
