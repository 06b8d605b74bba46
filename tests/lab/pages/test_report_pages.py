"""Pages of reports: words of strangers stay words, nothing comes from the network, numbers stay whole, nobody alone."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import numpy as np
import pytest
from rendered import render

from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip_lab.pages.contents import Pane, Row
from signvip_lab.pages.dots import Dot, Dots, draw_dots
from signvip_lab.pages.hands import hand_boxes

HOSTILE = """</script><script>alert(1)</script><img src=x onerror="alert(2)">' & $x$ {{ 7 * 7 }}"""


def text_of(folder, clip, *words):
    return render(folder, [clip], *words).read_text(encoding="utf-8")


class Tags(HTMLParser):
    """All tags of a page with their attributes, and the text of its scripts."""

    def __init__(self, page):
        super().__init__()
        self.found, self.scripts = [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] += data

    def count(self, tag):
        return sum(name == tag for name, _ in self.found)


def test_hostile_words_stay_words(tmp_path, clip):
    plain, hostile = Tags(text_of(tmp_path, clip)), Tags(text_of(tmp_path, clip, HOSTILE))
    assert [tag for tag, _ in hostile.found] == [tag for tag, _ in plain.found]
    assert not [name for _, given in hostile.found for name in given if name.startswith("on")]
    assert not any("alert(1)</script" in text for text in hostile.scripts)
    assert HOSTILE in unescape(text_of(tmp_path, clip, HOSTILE))


def test_a_page_is_one_file_that_asks_the_network_for_nothing(tmp_path, clip):
    page = text_of(tmp_path, clip)
    tags = Tags(page)
    asked = {given[name] for _, given in tags.found for name in ("src", "href") if name in given}
    elsewhere = {address for address in asked if not address.startswith(("data:", "#"))}
    assert tags.count("video") == 2 and asked and not elsewhere
    assert not re.search(r"https?:|url\((?!#)|@import", page) and "default-src 'none'" in page
    assert [given["lang"] for tag, given in tags.found if tag == "html"] == ["en"]


def test_numbers_are_sorted_by_what_they_are_and_not_by_what_is_printed(tmp_path, clip):
    page = text_of(tmp_path, clip)
    assert re.findall(r'data-number="([^"]+)"', page) == [str(1 / 3), str(1 / 16), "2.0"]
    assert "<strong>0.3333</strong>" in page and "<strong>0.0625" not in page
    assert "0.25 to 0.5" in page and "0.0625 to 0.0625" not in page
    address = next(given["href"] for tag, given in Tags(page).found if tag == "a")
    rows = list(csv.reader(io.StringIO(unquote(address.partition(",")[2]).removeprefix("\ufeff"))))
    assert rows == [
        ["row", "ssim ↑", "ssim ↑ low", "ssim ↑ high", "time"],
        ["a", str(1 / 3), "0.25", "0.5", "-"],
        ["b, c", "0.0625", "0.0625", "0.0625", "2.0"],
    ]


@pytest.mark.parametrize("count", range(1, 13))
def test_no_video_stands_alone_in_a_line(count, clip):
    panes = [Pane("a", clip)] * count
    for columns, most in zip(Row("t", "a", 12.0, 3, panes).columns, (2, 5, 5), strict=True):
        assert 1 <= columns <= most and (columns == 1 or count % columns != 1)


def test_a_figure_takes_its_colours_from_the_page_and_shares_no_name_with_another():
    words, first = draw_dots(Dots("psnr", [Dot("a", 20.0)], still=19.0, truth=100.0))
    _, second = draw_dots(Dots("ssim", [Dot("a", 20.0)], still=19.0, truth=20.5))
    assert words == "psnr: a 20, a still picture 19, the truth 100" and "(truth: 100, not drawn)" in first
    assert "not drawn" not in second and "var(--series-1)" in first and not re.search(r"#(?!m)\w{6}\b", first)
    names = [re.findall(r' id="([^"]+)"', drawn) for drawn in (first, second)]
    assert names[0] and not set(names[0]) & set(names[1])
    assert first == draw_dots(Dots("psnr", [Dot("a", 20.0)], still=19.0, truth=100.0))[1]


def test_hands_are_boxes_of_one_size_around_what_is_seen():
    keypoints = np.zeros((2, 128, 3), np.float32)
    keypoints[0, RIGHT_HAND] = (0.25, 0.5, 1.0)
    keypoints[0, RIGHT_HAND.start] = (0.45, 0.5, 1.0)
    keypoints[1, RIGHT_HAND] = (0.5, 0.5, 1.0)
    keypoints[:, LEFT_HAND] = (0.9, 0.9, 0.1)  # too unsure
    (first, none), (second, _) = hand_boxes(keypoints, (32, 64))
    assert none is None  # 64 x 0.2 x 1.5 pixels wide, as high, around the middle
    assert first == [200, 200, 300, 600] and second == [350, 200, 300, 600]
