"""The page in a real browser, with a real server behind it."""

from __future__ import annotations

import pytest
from browser import browser, chromium

pytestmark = pytest.mark.skipif(chromium() is None, reason="there is no Chromium")

SUBMIT = "document.getElementById('text').value = 'rain'; document.getElementById('form').requestSubmit()"
STATE = "document.getElementById('state').textContent"


@pytest.fixture(scope="module")
def page():
    with browser() as page:
        yield page


@pytest.fixture
def opened(serving, page):
    with serving() as served:
        page.open(str(served.client.base_url))
        page.until("document.querySelectorAll('#signers input').length > 0")
        yield page


def test_it_plays_what_it_made_and_keys_move_it(opened):
    opened.run(SUBMIT)
    opened.until(f"{STATE}.startsWith('Done')")
    assert opened.run("video.error") is None and opened.run("video.duration") > 0.5
    assert opened.run("document.getElementById('origin').textContent").startswith("This video was generated")
    opened.run("document.activeElement.blur(); video.pause(); video.currentTime = 0.5")
    opened.press("ArrowRight")
    assert opened.run("video.currentTime") > 0.5
    opened.press(".")
    opened.press("l")
    assert opened.run("[video.playbackRate, video.loop].join()") == "1.25,true"


def test_keys_that_are_typed_into_the_text_move_nothing(opened):
    opened.run("document.getElementById('text').focus()")
    opened.press("l", "KeyL", "l")
    assert opened.run("video.loop") is False and opened.run("document.getElementById('text').value") == "l"


def test_what_is_refused_is_said_and_the_form_stays_usable(opened):
    opened.run("document.getElementById('steps').max = 1000; document.getElementById('steps').value = 500")
    opened.run(SUBMIT)
    opened.until(f"{STATE}.includes('from 1 to 100')")
    assert opened.run("document.getElementById('make').disabled") is False


def test_a_picture_of_somebody_needs_their_consent(opened):
    opened.run(
        "const chosen = new DataTransfer(); chosen.items.add(new File(['x'], 'a.png', {type: 'image/png'}));"
        "document.getElementById('reference').files = chosen.files"
    )
    opened.run(SUBMIT)
    opened.until(f"{STATE}.includes('consent')")
    opened.run("document.getElementById('agreed').click()")
    opened.run(SUBMIT)
    opened.until(f"{STATE}.includes('damaged or no picture')")


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_is_wider_than_the_screen_and_every_control_has_a_name(opened, width):
    opened.resize(width, 900)
    assert opened.run("document.documentElement.scrollWidth") <= width
    nameless = opened.run(
        "[...document.querySelectorAll('button, input, select, textarea, a[href]')].filter((one) => "
        "!(one.labels?.length || one.textContent.trim() || one.ariaLabel)).map((one) => one.id).join()"
    )
    assert nameless == ""


def test_it_asks_nobody_but_its_server(opened):
    asked = opened.run("performance.getEntriesByType('resource').map((one) => one.name).join('\\n')")
    base = opened.run("location.origin")
    assert asked and all(one.startswith((base, f"blob:{base}", "data:")) for one in asked.splitlines())
