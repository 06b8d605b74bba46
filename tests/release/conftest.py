from __future__ import annotations

import pytest

from signvip.progress import Silent


class Listener(Silent):
    """A reporter that remembers what was said."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, message: str) -> None:
        self.sentences.append(message)


@pytest.fixture
def said():
    return Listener()
