"""From letters to movement: held, tied to the next, held longer where doubled, with a pause at a full stop."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from signvip_datasets.lexicon.hand_bones import Hands, stacked
from signvip_datasets.lexicon.letters import Spelled
from signvip_datasets.lexicon.placing import Placed, rest

RAISE, DOWN = 0.36, 0.12  # seconds: the way from rest and back to it, and how long rest lasts at either end
LAST = 1.4  # the last letter of a word is held longer, as in the package spoken-to-signed
_FAR = 0.5  # widths of the shoulders: farther hands take longer, up to 1.25 of a tie; near ones 0.85


@dataclass(frozen=True)
class Timing:
    """Seconds: of a held letter, of the way between two, and of rest at a full stop; `doubled` lengthens a hold."""

    hold: float
    tie: float
    pause: float
    doubled: float


@dataclass(frozen=True)
class Part:
    """A stretch of time between two poses, or within a letter; at which share of it a moment is, `at` says how."""

    start: Hands
    end: Hands
    seconds: float
    within: Hands | None = None  # the moments of a letter

    def at(self, share: float) -> Hands:
        """Return the hands at a share of the time: a tie eases out of a pose and into the next."""
        if self.within is None:
            return self.start.blended(self.end, share * share * (3 - 2 * share))
        place = share * (len(self.within.wrist) - 1)
        before = min(int(place), max(len(self.within.wrist) - 2, 0))
        after = min(before + 1, len(self.within.wrist) - 1)
        return self.within.at(before).blended(self.within.at(after), place - before)


def perform(
    spelled: Sequence[Spelled], letters: Mapping[str, Placed], timing: Timing, fps: float
) -> tuple[Hands, np.ndarray]:
    """Hands over the frames (F, ...) of a spelled text, and which letter each frame holds (F,), -1 between them."""
    parts: list[tuple[int, Part]] = []
    at_rest = rest()
    last = at_rest
    parts.append((-1, Part(at_rest, at_rest, DOWN)))
    for number, letter in enumerate(spelled):
        placed = letters[letter.key]
        first = placed.hands.at(0)
        parts.append((-1, Part(last, first, _tie(last, first, timing, raised=last is not at_rest))))
        held = _held(placed, letter, timing)
        last = placed.hands.at(-1)
        parts.append((number, Part(first, last, held, placed.hands)))
        if letter.ends_sentence and number < len(spelled) - 1:
            parts.append((-1, Part(last, last, timing.pause)))
    parts.append((-1, Part(last, at_rest, RAISE)))
    parts.append((-1, Part(at_rest, at_rest, DOWN)))
    return _sampled(parts, fps)


def letters_signed(spelled: Sequence[Spelled], held: np.ndarray) -> np.ndarray:
    """Return the character of the folded text that each frame signs or comes to (F,); -1 once all are signed.

    `held` (F,) is which letter each frame holds, -1 between two, as `perform` gives it.
    """
    coming = np.where(held < 0, len(spelled), held)
    coming = np.minimum.accumulate(coming[::-1])[::-1]  # a frame on its way to a letter is that letter's
    return np.array([*(letter.at for letter in spelled), -1])[coming]


def _tie(start: Hands, end: Hands, timing: Timing, raised: bool) -> float:
    if not raised:
        return RAISE
    far = float(np.linalg.norm(start.wrist - end.wrist, axis=-1).max())
    return timing.tie * (0.85 + 0.4 * min(far / _FAR, 1.0))


def _held(placed: Placed, letter: Spelled, timing: Timing) -> float:
    """Return how long a letter lasts: one that moves takes its own time, each time that it occurs."""
    last = LAST if letter.ends_word else 1.0
    if placed.seconds:
        return max(placed.seconds, timing.hold) * letter.times
    return timing.hold * last * (1 + (timing.doubled - 1) * (letter.times - 1))


def _sampled(parts: Sequence[tuple[int, Part]], fps: float) -> tuple[Hands, np.ndarray]:
    ends = list(itertools.accumulate(part.seconds for _, part in parts))
    count = max(2, round(ends[-1] * fps))
    moments, numbers = [], []
    for frame in range(count):
        time = min(frame / fps, ends[-1] - 1e-9)
        which = int(np.searchsorted(ends, time, side="right"))
        number, part = parts[which]
        share = (time - (ends[which] - part.seconds)) / max(part.seconds, 1e-9)
        moments.append(part.at(min(max(share, 0.0), 1.0)))
        numbers.append(number)
    return stacked(moments), np.array(numbers)
