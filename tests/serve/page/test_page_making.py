"""A video from the request to its end, and all that may come between."""

from __future__ import annotations

from serve_helpers import until
from steps import FRAMES, PAUSED, REFUSED, STATE, ask_for, make

VIDEO = "document.getElementById('video')"
TEXT = "document.getElementById('text').value"
MADE = "parseFloat(document.getElementById('track').style.getPropertyValue('--made'))"


def test_it_plays_while_the_rest_is_made(opened, gate):
    ask_for(opened)
    # frames come by one connection and how many there are by another, either of them first
    opened.until(f"{VIDEO}.currentTime > 0 && {STATE}.startsWith('Making:') && {MADE} > 0")
    assert opened.run(MADE) < 100
    assert opened.run(f"{VIDEO}.error") is None
    gate.set()
    opened.until(f"{STATE}.startsWith('Made in')")
    assert opened.run(MADE) == 100
    assert abs(opened.run(f"{VIDEO}.duration") - opened.run(FRAMES) / 12) < 0.05


def test_stop_stops_the_work(opened, gate):
    ask_for(opened)
    opened.until(f"{STATE}.startsWith('Making:')")
    opened.click("#stop")
    opened.until(f"{STATE}.startsWith('Stopped')")
    opened.until("fetch('/v1/health').then((got) => got.json()).then((told) => told.waiting === 0)")
    assert opened.run("document.getElementById('stop').hidden") and opened.run(PAUSED)
    gate.set()
    make(opened, "snow")  # it is free for the next


def test_it_tells_the_place_in_the_queue(open_page, chrome, gate):
    with open_page() as served:
        another(chrome)
        ask_for(chrome)
        chrome.until(f"{STATE}.includes('one video is made before yours')")
        chrome.click("#stop")
        chrome.until(f"{STATE} === 'Stopped.'")
        until(lambda: served.client.get("/v1/health").json()["waiting"] == 0)


def test_a_full_queue_says_so(open_page, chrome, gate):
    with open_page(waiting=1) as served:
        another(chrome)
        another(chrome)
        until(lambda: served.client.get("/v1/health").json()["waiting"] == 1)
        ask_for(chrome)
        chrome.until(f"{REFUSED}.includes('ask again')")


def another(page):
    """Ask for a video as somebody else would, and wait until the server knows of it."""
    page.run(
        "new Promise((known) => { const form = new FormData(); const job = crypto.randomUUID();"
        "form.set('text', 'snow'); form.set('job', job);"
        "fetch('/v1/generate', {method: 'POST', body: form}).catch(() => {});"
        "const look = () => fetch(`/v1/jobs/${job}`).then((got) => got.ok ? known() : setTimeout(look, 50));"
        "look() }).then(() => null)"
    )


def test_what_is_refused_is_said_and_what_was_shown_comes_back(opened):
    make(opened, "rain")
    opened.run("document.getElementById('steps').max = 1000; document.getElementById('steps').value = 500")
    ask_for(opened, "snow")
    opened.until(f"{REFUSED}.includes('from 1 to 100')")
    opened.until(f"{VIDEO}.duration > 0 && {PAUSED}")
    assert opened.run("document.getElementById('said').textContent") == "rain"


def test_a_reload_keeps_the_text_and_the_video_and_plays_nothing(opened):
    make(opened, "rain on friday")
    opened.send("Page.reload")
    opened.until(f"document.readyState === 'complete' && {VIDEO}.duration > 0")
    assert opened.run(TEXT) == "rain on friday"
    assert opened.run("document.getElementById('said').textContent") == "rain on friday"
    assert opened.run(PAUSED) and opened.run(f"{VIDEO}.currentTime") == 0


def test_a_reload_stops_what_is_made(open_page, chrome, gate):
    with open_page() as served:
        ask_for(chrome)
        chrome.until(f"{STATE}.startsWith('Making:')")
        chrome.send("Page.reload")
        chrome.until("document.readyState === 'complete'")
        gate.set()
        assert served.client.post("/v1/generate", data={"text": "snow"}).status_code == 200


def test_a_server_that_comes_back_is_found(opened):
    opened.run("window.real = fetch; window.fetch = () => Promise.reject(new TypeError('gone'))")
    ask_for(opened)
    opened.until("document.getElementById('gone').textContent.includes('trying again')")
    opened.run("window.fetch = window.real")
    opened.until(f"{STATE}.includes('is back')")
    assert opened.run("document.getElementById('gone').textContent") == ""
    make(opened)


def test_an_example_plays_at_once_and_only_once(open_page, chrome):
    with open_page(example=True) as served:
        until(lambda: served.client.get("/v1/jobs/example").json()["state"] == "done")
        chrome.until(f"{VIDEO}.ended")
        assert chrome.run("document.getElementById('caption').textContent").startswith("An example")
        assert chrome.run(f"{VIDEO}.currentTime > 0 && !{VIDEO}.loop")
