"""A headless Chromium that a test drives over its debugging pipe."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
KEYS = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "End": 35, "Home": 36} | {
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
    ",": 188,
    ".": 190,
}
CODES = {" ": "Space", ",": "Comma", ".": "Period"}


def chromium():
    """Return where Chromium is, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One page: `run` evaluates JavaScript in it and returns its value, promises awaited."""

    def __init__(self, send):
        self.send = send

    def open(self, url):
        self.send("Page.navigate", url=url)
        self.until("document.readyState === 'complete'")

    def run(self, script):
        got = self.send("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in got, got
        return got["result"].get("value")

    def until(self, script, seconds=60.0):
        end = time.monotonic() + seconds
        while not self.run(script):
            assert time.monotonic() < end, f"it never came true: {script}"
            time.sleep(0.05)

    def press(self, key, shift=False):
        """Press and release a key by its name, such as "a", " ", "Tab" or "ArrowLeft"."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        about = {"key": key, "code": CODES.get(key, key), "modifiers": 8 * shift}
        about["windowsVirtualKeyCode"] = KEYS.get(key) or ord(key[0].upper())
        self.send("Input.dispatchKeyEvent", type="keyDown", **about, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text):
        """Write into what has the focus, letter by letter."""
        for letter in text:
            self.press(letter)

    def click(self, selector):
        """Click in the middle of an element, as a mouse does; it must be in sight and not covered."""
        x, y, hit = self.run(
            f"(() => {{ const one = document.querySelector({json.dumps(selector)});"
            "one.scrollIntoView({block: 'center'}); const box = one.getBoundingClientRect();"
            "const at = [box.x + box.width / 2, box.y + box.height / 2];"
            "return [...at, one.contains(document.elementFromPoint(...at))] })()"
        )
        assert hit, f"{selector} is covered"
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def prefer(self, **features):
        """Set what the reader's system prefers: prefer(color_scheme="dark", reduced_motion="reduce")."""
        wanted = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": one} for name, one in features.items()
        ]
        self.send("Emulation.setEmulatedMedia", features=wanted)

    def resize(self, width, height):
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def shoot(self, path, *, whole=False):
        """Write a PNG of what is in sight, or of the whole page."""
        more = {}
        if whole:
            size = self.send("Page.getLayoutMetrics")["cssContentSize"]
            clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
            more = {"captureBeyondViewport": True, "clip": clip}
        Path(path).write_bytes(base64.b64decode(self.send("Page.captureScreenshot", **more)["data"]))


@contextmanager
def browser():
    """Start Chromium with one page, and end it."""
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        started = [
            chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--no-first-run", f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank",
        ]  # fmt: skip

        def as_three_and_four():
            """Let it read commands from descriptor 3 and answer on 4, whatever these are here."""
            pair = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_read, from_write)]
            for place, end in enumerate(pair, start=3):
                os.dup2(end, place)
                os.close(end)

        process = subprocess.Popen(
            started,
            preexec_fn=as_three_and_four,
            close_fds=False,  # all others close by themselves
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(from_write)
        try:
            yield _attach(to_write, from_read)
        finally:
            process.terminate()
            process.wait(10)
            os.close(to_write)
            os.close(from_read)


def _attach(out, back):
    count, kept = 0, b""

    def send(method, session=None, **given):
        nonlocal count, kept
        count += 1
        command = {"id": count, "method": method, "params": given}
        os.write(out, json.dumps(command | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            while b"\0" not in kept:
                read = os.read(back, 1 << 20)
                assert read, "Chromium ended"
                kept += read
            line, kept = kept.split(b"\0", 1)
            answer = json.loads(line)
            if answer.get("id") == count:
                assert "error" not in answer, answer
                return answer["result"]

    targets = send("Target.getTargets")["targetInfos"]
    target = next(one["targetId"] for one in targets if one["type"] == "page")
    session = send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    return Page(lambda method, **given: send(method, session, **given))
