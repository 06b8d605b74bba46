"""The page in a real Chromium, with a real server behind it."""

from __future__ import annotations

import threading
from contextlib import contextmanager

import pytest
from browser import browser, chromium


@pytest.fixture(scope="session")
def chrome():
    """One Chromium for all tests of the page."""
    if chromium() is None:
        pytest.skip("there is no Chromium")
    with browser() as page:
        yield page


@pytest.fixture(scope="session")
def open_page(serving, chrome):
    """open_page(waiting=1) starts a server with these limits and opens its page, as a new tab would."""

    @contextmanager
    def open_page(**options):
        with serving(**options) as served:
            chrome.resize(1280, 900)
            chrome.prefer()
            chrome.open(str(served.client.base_url))
            if "token" not in options:
                chrome.until("document.querySelectorAll('#signers input').length > 0")
            yield served

    return open_page


@pytest.fixture
def opened(open_page, chrome):
    """The page of a server, once it knows what the server has."""
    with open_page():
        yield chrome


@pytest.fixture
def gate(installed, monkeypatch):
    """Hold each video after its first piece, until the gate is opened."""
    from signvip_serve.studio import Studio

    make, opened = Studio.make, threading.Event()

    def held(self, *given):
        for place, piece in enumerate(make(self, *given)):
            job = given[-1]
            while place and not opened.wait(0.02) and not job.stopped():
                pass
            yield piece

    monkeypatch.setattr(Studio, "make", held)
    yield opened
    opened.set()
