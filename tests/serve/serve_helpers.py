"""What the tests of the server share: waiting, and a studio that makes words."""

from __future__ import annotations

import threading
import time


def until(true, seconds=20.0):
    """Wait until something is true; fail where it never is."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


class Words:
    """A studio whose video is the words of its text, each a piece; it waits after each until it may `go`."""

    def __init__(self, limits):
        self.limits, self.references, self.languages, self.run = limits, (), (), "words"
        self.seen, self.has_poses = None, False
        self.go, self.begun, self.left, self.folders = threading.Event(), [], [], []
        self.go.set()

    def order(self, ask):
        return ask

    def example(self, job):
        """A video that ends only where it is stopped."""
        while not job.stopped():
            yield b"one"
            time.sleep(0.01)
        self.left.append("example")

    def make(self, ask, job):
        self.begun.append(ask.text)
        self.folders.append(job.folder)
        (job.folder / "words.txt").write_text(ask.text)
        for word in ask.text.split():
            yield word.encode()
            while not self.go.wait(0.01):
                if job.stopped():
                    break
            if job.stopped():
                self.left.append(ask.text)
                return
