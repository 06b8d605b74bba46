"""A report in a real Chromium: videos play as one, keys move them, tables sort, nothing runs over the edge."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from browser import browser, chromium
from rendered import FRAMES, TABLE, render

from signvip.data.video import write_video

pytestmark = pytest.mark.skipif(chromium() is None, reason="there is no Chromium")
TIMES = "[...document.querySelectorAll('video')].map((video) => Number(video.currentTime.toFixed(3)))"
FRAME = "Number(document.querySelector('.place').value)"
FIRST = "[...document.querySelector('tbody').rows].map((row) => row.cells[0].textContent)"
SORTED = "document.querySelectorAll('thead th')[1].getAttribute('aria-sort')"


@pytest.fixture(scope="module")
def report(tmp_path_factory, clip):
    """A page whose second video ends before the first."""
    folder = tmp_path_factory.mktemp("report")
    write_video(folder / "short.mp4", np.zeros((FRAMES - 4, 16, 16, 3), np.uint8), 12)
    path = render(folder, [clip, folder / "short.mp4"])
    with browser() as page:
        page.resize(1280, 900)
        page.open(path.as_uri())
        page.until("[...document.querySelectorAll('video')].every((video) => video.readyState > 1)")
        yield page


def test_nothing_plays_by_itself_and_one_key_plays_all_to_the_end(report):
    assert report.run(TIMES) == [0, 0] and report.run(FRAME) == 0
    report.press(" ")
    report.until(f"{FRAME} > 0 && [...document.querySelectorAll('video')].every((video) => !video.paused)")
    report.until(f"{FRAME} === {FRAMES - 1} && document.querySelector('.play').textContent === 'Play'")
    middle = pytest.approx(
        [(FRAMES - 0.5) / 12, (FRAMES - 4.5) / 12], abs=0.002
    )  # the short one waits at its last
    report.until("[...document.querySelectorAll('video')].every((video) => video.paused && !video.seeking)")
    assert report.run(TIMES) == middle


def test_the_arrows_go_by_a_frame_in_all_videos(report):
    report.run("rows[0].seek(0)")
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        report.press(key)
    assert (
        report.run(FRAME) == 2
        and report.run("document.querySelector('.told').textContent") == f"3 / {FRAMES}"
    )
    report.until("[...document.querySelectorAll('video')].every((video) => !video.seeking)")
    assert report.run(TIMES) == pytest.approx([2.5 / 12] * 2, abs=0.002)
    report.press(",")
    report.press("l")
    assert report.run("document.querySelector('.speed').value") == "0.5"
    assert report.run("document.querySelector('.loop').checked")


def test_a_table_sorts_by_its_numbers_and_keeps_them(report):
    before = report.run("[...document.querySelectorAll('td')].map((cell) => cell.textContent).sort()")
    assert report.run(FIRST) == [line[0].text for line in TABLE.lines] == ["a", "b, c"]
    sort = "document.querySelectorAll('.sort')[1].click()"
    assert report.run(f"{sort}; {FIRST}") == ["b, c", "a"] and report.run(SORTED) == "ascending"
    assert report.run(f"{sort}; {FIRST}") == ["a", "b, c"] and report.run(SORTED) == "descending"
    last = "document.querySelectorAll('.sort')[2].click()"  # what has no number is last, either way
    assert [report.run(f"{last}; {FIRST}") for _ in range(2)] == [["b, c", "a"]] * 2
    assert report.run("[...document.querySelectorAll('td')].map((cell) => cell.textContent).sort()") == before


@pytest.mark.parametrize("width", (360, 768, 1440))
def test_nothing_runs_over_the_edge(report, width):
    report.resize(width, 900)
    root = "document.documentElement"
    assert report.run(f"{root}.scrollWidth <= {root}.clientWidth")


@pytest.mark.parametrize("scheme", ("light", "dark"))
def test_axe_finds_nothing(report, scheme):
    found = importlib.util.find_spec("axe_core_python")
    if found is None:
        pytest.skip("axe-core-python is not installed")
    report.prefer(color_scheme=scheme)
    report.run((Path(found.submodule_search_locations[0]) / "axe.min.js").read_text(encoding="utf-8") + ";0")
    assert report.run("axe.run().then((found) => found.violations.map((fault) => fault.id))") == []
