"""The signer at each moment of a film, by the schedule of the clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from signvip_track.clips import SignedClip
from signvip_track.schedule import Placement

Between = Literal["nothing", "rest"]
"""What is seen where nothing is signed: the film alone, or the signer as in the reference picture."""
_ROUNDING = 1e-6  # seconds; times of frames are fractions, times of cues are thousandths


class Signer:
    """Frames of the signer for times that go forward; one clip is in memory at a time."""

    def __init__(
        self,
        placements: Sequence[Placement],
        clips: Mapping[str, SignedClip],
        read: Callable[[SignedClip], np.ndarray],
        rest: np.ndarray | None,
    ) -> None:
        self._placements, self._clips, self._read, self._rest = placements, clips, read, rest
        self._at, self._open = 0, -1
        self._frames = np.zeros((0, 0, 0, 3), np.uint8)

    def at(self, seconds: float) -> np.ndarray | None:
        """Return (H, W, 3) uint8 RGB for the film's frame at `seconds`; None where no signer is seen."""
        now = seconds + _ROUNDING
        while self._at < len(self._placements) and self._placements[self._at].end <= now:
            self._at += 1
        if self._at == len(self._placements) or now < self._placements[self._at].start:
            return self._rest
        placed = self._placements[self._at]
        clip = self._clips[placed.cue.text]
        if self._open != self._at:
            self._frames, self._open = self._read(clip), self._at
        number = int((now - placed.start) * placed.speed * clip.fps)
        return self._frames[min(number, len(self._frames) - 1)]  # the last one is held
