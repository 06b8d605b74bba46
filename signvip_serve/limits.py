"""How much one request may ask for, and how many may wait."""

from __future__ import annotations

from dataclasses import dataclass

from signvip.generate import LONGEST_TEXT


@dataclass(frozen=True)
class Limits:
    """Sizes, counts and times of a server."""

    text: int = LONGEST_TEXT  # characters
    steps: int = 100
    picture_bytes: int = 10 * 2**20
    picture_pixels: int = 40_000_000
    consent_bytes: int = 2 * 2**20
    waiting: int = 64  # requests in the queue, beside the one that is made
    seconds: float = 600.0  # of making one video
    stalled: float = 30.0  # seconds that a client may take nothing while pieces wait for it
    ending: float = 5.0  # seconds that the end of the server waits for the window that is made
    ahead: int = 64  # pieces of a video that wait for its client
    remembered: int = 256  # finished requests that can still be asked about
    kept_bytes: int = 256 * 2**20  # of their files

    @property
    def body(self) -> int:
        """Bytes of a whole request: its files, the text in any encoding, and the form around them."""
        return self.picture_bytes + self.consent_bytes + 8 * self.text + 64 * 2**10
