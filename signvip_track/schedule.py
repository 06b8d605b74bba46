"""When each signed clip is shown, and how fast: within the time of its cue, in order, never two at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from signvip_track.subtitles import Cue, Unsigned

Misfits = Literal["skip", "cut"]
"""What becomes of a clip that does not fit: it is left out, or cut off.

A sentence that is cut off may say its opposite, since sign languages often negate at the end.
"""
_ROUNDING = 1e-6  # seconds


@dataclass(frozen=True)
class Placement:
    """A clip in time: it plays from `start` on at `speed`, and the signer is seen until `end`, in seconds."""

    cue: Cue
    start: float
    end: float
    speed: float
    missing: float = 0.0  # seconds that are cut off

    @property
    def late(self) -> float:
        """Seconds after the start of its cue, where the clip before took longer."""
        return self.start - self.cue.start


@dataclass(frozen=True)
class Schedule:
    """Every cue is in one of the two, or in both where its clip is cut off."""

    placements: tuple[Placement, ...]
    misfits: tuple[Unsigned, ...]


def schedule(
    cues: Sequence[Cue],
    lengths: Sequence[float],
    *,
    speed_limit: float,
    film_end: float = math.inf,
    misfits: Misfits = "skip",
) -> Schedule:
    """Place clips of `lengths` seconds for cues in the order of their starts.

    A clip is played as fast as its cue asks for, up to `speed_limit` times. Where that is too slow it goes on into the
    silence before the next cue; where cues overlap it hurries to be done when the next one starts.
    """
    placements: list[Placement] = []
    left_out: list[Unsigned] = []
    free = 0.0  # when the clip before is over
    for number, (cue, length) in enumerate(zip(cues, lengths, strict=True)):
        following = cues[number + 1].start if number + 1 < len(cues) else math.inf
        placed, why = _place(
            cue, length, max(cue.start, free), min(following, film_end), film_end, speed_limit
        )
        if why:
            left_out.append(Unsigned(cue.number, cue.line, cue.text, why))
        if why and (misfits == "skip" or placed.end - placed.start < _ROUNDING):
            continue
        if placements and placements[-1].end > placed.start:  # a last frame that is held gives way
            placements[-1] = _until(placements[-1], placed.start)
        placements.append(placed)
        free = placed.start + (length - placed.missing) / placed.speed
    return Schedule(tuple(placements), tuple(left_out))


def _place(
    cue: Cue, length: float, start: float, following: float, film_end: float, limit: float
) -> tuple[Placement, str]:
    """Return where a clip goes if it may start at `start`, and why it does not fit, if so."""
    last = min(cue.end, film_end)
    wish = min(following, last)
    deadline = min(max(last, following), film_end)
    speed = limit if wish <= start else min(max(1.0, length / (wish - start)), limit)
    over = start + length / speed - deadline
    if over <= _ROUNDING:
        return Placement(cue, start, max(last, start + length / speed), speed), ""
    room = max(0.0, deadline - start)
    why = (
        f"needs {length / speed:.2f} s from {start:.2f} s on at {speed:.2f} times the speed and has {room:.2f} s: "
        f"{over:.2f} s too little"
    )
    return Placement(cue, start, start + room, speed, missing=length - room * speed), why


def _until(placed: Placement, end: float) -> Placement:
    return Placement(placed.cue, placed.start, end, placed.speed, placed.missing)
