"""How long making takes here, learned from the videos that were made."""

from __future__ import annotations

import threading


class Pace:
    """Seconds of making for a frame: the mean over the videos of this server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames, self._seconds = 0, 0.0

    def add(self, frames: int, seconds: float) -> None:
        """Take a video into account."""
        with self._lock:
            self._frames, self._seconds = self._frames + frames, self._seconds + seconds

    def estimate(self, frames: int) -> float | None:
        """Return the seconds that so many frames will take; None before the first video."""
        with self._lock:
            return round(frames * self._seconds / self._frames, 1) if self._frames else None
