"""From a stored clip to a letter: the still part of it, or the whole movement of a letter that moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from signvip.errors import DataError
from signvip.estimation.hand_depth import hand_length
from signvip.estimation.layouts import LEFT_SHOULDER, RIGHT_SHOULDER
from signvip.estimation.places import signer_of
from signvip.estimation.signer import SEEN
from signvip.estimation.stored import read
from signvip.estimation.stored_clip import Stored
from signvip.estimation.tidy import tidy
from signvip_datasets.lexicon.hand_bones import Hands

# Speeds in widths of the shoulders a second, the mean over a hand's joints; real holds have 0.0 to 0.3.
_STILL, _SLOW, _MOVING, _FASTEST = 0.4, 1.0, 1.8, 30.0
_SLOWED = 0.5  # of the fastest before
_TRAVEL = 0.32  # in widths of the shoulders: what a letter that moves covers at least
_LASTS = 1.6  # seconds: what moves for longer is not a letter, but somebody who gets ready
_RESTING = 1.1  # in the same below the shoulders: a hand so low takes no part
_ALIKE = 1.7  # of two units of z: real fits to one scatter by 1.3
_NARROWEST = 0.01  # of the picture: what shoulders are taken to be apart at least, in profile too
_THERE = 0.6  # of the frames in which a hand is seen


@dataclass(frozen=True)
class Letter:
    """A letter's hands over its moments (T, ...): wrists in lengths of a hand about `centre`, bones in the same.

    `centre` (3,) is the middle of the hands that take part (`sides`: left, right), in widths of the shoulders from
    between them. `seconds` is how long a letter that moves takes, 0 of one that is held.
    """

    hands: Hands
    centre: np.ndarray
    sides: tuple[bool, bool]
    seconds: float

    @property
    def moves(self) -> bool:
        """Say whether movement is part of it."""
        return self.seconds > 0


def read_letter(path: Path, whole: bool = False) -> Letter:
    """Cut a `.pose` file to its letter, or to its `whole` movement as of a word; DataError for one that shows none."""
    return cut_letter(read(path), path, whole)


def same_depth(clips: Mapping[str, Stored]) -> dict[str, Stored]:
    """Return clips of one lexicon with the same unit of z, the median: what one still hand tells of it is uncertain.

    Those whose own is a quite different one keep it: a lexicon may have been made of several.
    """
    found = [clip.fitted for clip in clips.values() if clip.fitted is not None]
    usual = float(np.median(found)) if found else 1.0
    return {key: _with_depth(clip, usual) for key, clip in clips.items()}


def _with_depth(clip: Stored, usual: float) -> Stored:
    if clip.hands is None or clip.depth is None or clip.fitted is None:
        return clip
    if not 1 / _ALIKE < clip.fitted / usual < _ALIKE:
        return clip
    return replace(clip, hands=clip.hands * np.array([1, 1, usual / clip.depth, 1]), depth=usual)


def cut_letter(stored: Stored, path: Path, whole: bool) -> Letter:
    """Return the letter, or whole movement, of a clip that was read from `path`; DataError for one that shows none."""
    size, rate = stored.measure(path)
    hands = _hands(stored, size, rate, path)
    speed, sides = _speed(hands, rate), _sides(hands)
    if not any(sides):
        raise DataError(f"{path} shows no raised hand; leave its letter out of the index")
    span, moves = _cut(speed[:, list(sides)].max(axis=1), rate, whole)
    if not all(_whole(hands[span])[:, side].any() for side in (0, 1) if sides[side]):
        raise DataError(f"{path} never shows its hands still; leave its letter out of the index")
    return _letter(hands[span], sides, (span.stop - span.start) / rate if moves else 0.0)


def _hands(stored: Stored, size: tuple[float, float], fps: float, path: Path) -> np.ndarray:
    """Return hands (F, 2, 21, 4) in widths of the shoulders from between them, zeros where unseen; z from the wrist."""
    height, width = size
    points, hands = signer_of(stored, size, path)
    if hands is None:
        raise DataError(
            f"{path} has no depth of hands; a lexicon needs MediaPipe's points with z, of one person"
        )
    found = tidy(points, hands, fps=fps, aspect=width / height).known
    points, hands = found["keypoints"], found["hands"]
    shoulders = points[:, [LEFT_SHOULDER, RIGHT_SHOULDER]]
    seen = np.asarray((shoulders[..., 2] >= SEEN).all(axis=1))
    if not seen.any():
        raise DataError(f"{path} shows no shoulders; leave its letter out of the index")
    middle = np.median(shoulders[seen, :, :2].mean(axis=1), axis=0) * (width, height)
    apart = np.diff(shoulders[seen, :, :2], axis=1) * (width, height)
    unit = max(float(np.median(np.linalg.norm(apart, axis=-1))), _NARROWEST * width)
    places = (hands[..., :3] * (width, height, width) - [*middle, 0]) / unit
    whole = np.asarray((hands[..., 3] >= SEEN).all(axis=-1))
    return np.where(whole[..., None, None], np.concatenate([places, hands[..., 3:]], axis=-1), 0)


def _speed(hands: np.ndarray, fps: float) -> np.ndarray:
    """Return each hand's speed in the picture (F, 2), infinite where it is unseen; the last repeats the one before."""
    seen = _whole(hands)
    step = np.linalg.norm(np.diff(hands[..., :2], axis=0), axis=-1).mean(axis=-1) * fps
    step = np.where(seen[1:] & seen[:-1], step, np.inf)
    return np.concatenate([step, step[-1:]])


def _whole(hands: np.ndarray) -> np.ndarray:
    """Return where all of a hand is seen (F, 2)."""
    return np.asarray((hands[..., 3] > 0).all(axis=-1))


def _sides(hands: np.ndarray) -> tuple[bool, bool]:
    """Say which hands take part: raised, and there for most of the time that either is."""
    seen = _whole(hands)
    raised = []
    for side in (0, 1):
        mine = seen[:, side]
        low = mine.any() and float(np.median(hands[mine, side, :, 1])) > _RESTING
        raised.append(bool(mine.sum() >= _THERE * max(seen.any(axis=1).sum(), 1) and not low))
    return raised[0], raised[1]


def _cut(speed: np.ndarray, fps: float, whole: bool) -> tuple[slice, bool]:
    """Return the frames of the letter, and whether it moves: without the way there and back.

    A letter that moves is all that lies between; of one that is held the longest still stretch.
    """
    core = slice(_arrival(speed), len(speed) - _arrival(speed[::-1]))
    inside = np.where(np.isfinite(speed[core]), speed[core], 0)
    travels = inside.max() >= _MOVING and inside[inside > _STILL].sum() / fps >= _TRAVEL
    if whole or (travels and len(inside) <= _LASTS * fps):
        return core, True
    start, stop = _longest(speed <= max(_STILL, 1.2 * float(speed.min())))
    return slice(start, stop), False


def _arrival(speed: np.ndarray) -> int:
    """Return the first frame (F,) at which a hand is at the letter: slow, or much slower than before and after."""
    fast = np.minimum(speed, _FASTEST)
    smooth = (np.r_[fast[:1], fast[:-1]] + fast + np.r_[fast[1:], fast[-1:]]) / 3
    slowed = smooth <= _SLOWED * np.maximum.accumulate(smooth)
    turns = np.r_[smooth[1:] >= smooth[:-1], True]
    found = np.flatnonzero((fast <= _SLOW) | (slowed & turns))
    return int(found[0]) if len(found) else int(np.argmin(fast))


def _longest(true: np.ndarray) -> tuple[int, int]:
    """Return the start and end of the longest run of true values (F,); of equals the later, which has settled."""
    best = start = 0
    found = (0, 1)
    for place, here in enumerate([*true.tolist(), False]):
        if not here:
            if place - start >= best and place > start:
                best, found = place - start, (start, place)
            start = place + 1
    return found


def _letter(hands: np.ndarray, sides: tuple[bool, bool], seconds: float) -> Letter:
    """Bring hands (T, 2, 21, 4) to one length, about the middle of those that take part."""
    taking = [side for side in (0, 1) if sides[side]]
    seen = _whole(hands)
    joints = hands[..., :3].copy()
    for side in taking:  # where a hand is lost it is as at the nearest sight
        sights = np.flatnonzero(seen[:, side])
        joints[:, side] = joints[sights[np.abs(np.arange(len(hands))[:, None] - sights).argmin(axis=1)], side]
    length = float(np.median(hand_length(joints[:, taking])))
    centre = joints[:, taking].reshape(-1, 3).mean(axis=0) * (1, 1, 0)
    return Letter(Hands.of((joints - centre) / length), centre, sides, seconds)
