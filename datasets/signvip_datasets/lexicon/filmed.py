"""From a whole stored clip to what a drawn person does: hands where they were, and the values of a face."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from signvip.contracts import FACE
from signvip.errors import DataError
from signvip.estimation.hand_depth import hand_length
from signvip.estimation.layouts import LEFT_SHOULDER, RIGHT_SHOULDER
from signvip.estimation.places import signer_of
from signvip.estimation.signer import SEEN
from signvip.estimation.stored import read
from signvip.estimation.stored_clip import Stored
from signvip.estimation.tidy import tidy
from signvip_datasets.lexicon.hand_bones import Hands, stacked
from signvip_datasets.lexicon.placing import AHEAD, HAND, rest

NATURAL = 0.585  # length of a hand in widths of the shoulders
_AWAY = 0.3  # seconds that a hand which is no longer seen takes to rest
_LOW, _HIGH = (
    1.5,
    0.9,
)  # widths of the shoulders below them: from here a hand is beside the body, from here before it
_NEAREST_BODY = 0.15  # share of AHEAD
_USED = [0, 8, 16, 19, 24, *range(36, 48), 48, 54, 62, 66]  # of the face; reduced files lack the nose
# Of toysign's face, in its half heights: eyes to chin, open lips, raised brows; how far its mouth lies before it.
_EYES_TO_CHIN, _PARTED, _RAISED, _MOUTH = 1.13, 0.2, 0.15, 0.47
_TURN = 0.6  # radians


@dataclass(frozen=True)
class Filmed:
    """Hands over the frames (F, ...) in widths of the shoulders, face values (F, 7) as `toysign.motion` has them."""

    hands: Hands
    face: np.ndarray
    fps: float

    def __len__(self) -> int:
        return len(self.face)


def read_filmed(path: Path, fps: float, start: float = 0.0, end: float | None = None) -> Filmed:
    """Read a `.pose` file, or its seconds `start` to `end`, at `fps`.

    DataError for a file that shows no signer, does not tell its own rate, or ends before it begins.
    """
    stored = read(path)
    size, rate = stored.measure(path)
    part = slice(round(start * rate), None if end is None else round(end * rate))
    if len(stored.people[part]) < 2:
        raise DataError(f"{path} lasts {len(stored.people) / rate:.2f} s, and the clip begins at {start:g} s")
    hands = None if stored.hands is None else stored.hands[part]
    stored = replace(stored, people=stored.people[part], hands=hands)
    return resampled(_filmed(stored, size, rate, path), fps)


def resampled(clip: Filmed, fps: float) -> Filmed:
    """Return the same movement at another rate."""
    count = max(2, round(len(clip) / clip.fps * fps))
    moments, face = [], []
    for frame in range(count):
        place = min(frame * clip.fps / fps, len(clip) - 1)
        before = min(int(place), len(clip) - 2)
        moments.append(clip.hands.at(before).blended(clip.hands.at(before + 1), place - before))
        face.append(clip.face[before] + (place - before) * (clip.face[before + 1] - clip.face[before]))
    return Filmed(stacked(moments), np.array(face), fps)


def _filmed(stored: Stored, size: tuple[float, float], fps: float, path: Path) -> Filmed:
    height, width = size
    points, hands = signer_of(stored, size, path)
    if hands is None:
        raise DataError(
            f"{path} has no depth of hands; this reader needs MediaPipe's points with z, of one person"
        )
    found = tidy(points, hands, fps=fps, aspect=width / height).known
    points, hands = found["keypoints"], found["hands"]
    middle, unit = _shoulders(points, (width, height), path)
    origin = np.append(middle, np.zeros((len(middle), 1)), axis=1)[:, None, None]
    joints = (hands[..., :3] * (width, height, width) - origin) / unit
    whole = np.asarray((hands[..., 3] >= SEEN).all(axis=-1))
    if not whole.any():
        raise DataError(f"{path} never shows a whole hand; leave this clip out")
    length = float(np.median(hand_length(joints[whole])))
    left, right = (_side(joints[:, side], whole[:, side], length, fps) for side in (0, 1))
    moved = left.with_side(1, right)
    return Filmed(moved, face_values(points[:, FACE] * (width, height, 1)), fps)


def _shoulders(points: np.ndarray, scale: tuple[float, float], path: Path) -> tuple[np.ndarray, float]:
    """Between the shoulders in each frame (F, 2), and how wide they are, in pixels."""
    shoulders = points[:, [RIGHT_SHOULDER, LEFT_SHOULDER]]
    seen = np.flatnonzero((shoulders[..., 2] >= SEEN).all(axis=1))
    if not len(seen):
        raise DataError(f"{path} shows no shoulders; leave this clip out")
    places = shoulders[seen, :, :2] * scale
    frames = np.arange(len(points))
    middle = np.stack([np.interp(frames, seen, places.mean(axis=1)[:, axis]) for axis in (0, 1)], axis=1)
    return middle, float(np.median(np.linalg.norm(places[:, 1] - places[:, 0], axis=-1)))


def _side(joints: np.ndarray, whole: np.ndarray, length: float, fps: float) -> Hands:
    """Return one hand over the frames, at both sides of it: as filmed, or at rest and on the way there and back."""
    bones = (joints - joints[:, :1]) * (NATURAL / length)
    wrist = joints[:, 0, :2].copy()
    depth = AHEAD * np.clip((_LOW - wrist[:, 1]) / (_LOW - _HIGH), _NEAREST_BODY, 1)
    placed = bones + np.append(wrist, depth[:, None], axis=1)[:, None]
    filmed = Hands.of(np.stack([placed, placed], axis=1))
    hanging = smaller(rest(), NATURAL / HAND)
    sights = np.flatnonzero(whole)
    moments = []
    for frame in range(len(joints)):
        before, after = sights[sights <= frame], sights[sights >= frame]
        last, following = (before[-1] if len(before) else None), (after[0] if len(after) else None)
        moments.append(_moment(filmed, hanging, frame, last, following, _AWAY * fps))
    return stacked(moments)


def _moment(
    filmed: Hands, hanging: Hands, frame: int, last: int | None, following: int | None, away: float
) -> Hands:
    """Return a hand as it is, or so far on its way from the last sight to rest, or from there to the next."""
    if last == frame:
        return filmed.at(frame)
    gone = [(abs(frame - sight) / away, sight) for sight in (last, following) if sight is not None]
    share, sight = min(gone) if gone else (1.0, 0)
    share = min(share, 1.0)
    return filmed.at(int(sight)).blended(hanging, share * share * (3 - 2 * share)) if gone else hanging


def smaller(hands: Hands, factor: float) -> Hands:
    """Return hands with bones of another length at the same wrists."""
    return Hands(hands.wrist, hands.turn, hands.bones * factor)


def face_values(face: np.ndarray) -> np.ndarray:
    """Brows, squint, open, round, yaw, pitch, roll (F, 7) of iBUG's points (F, 68, 3) in pixels; 0 where unseen."""
    seen = np.flatnonzero((face[:, _USED, 2] >= SEEN).all(axis=1))
    if not len(seen):
        return np.zeros((len(face), 7))
    xy = face[seen, :, :2]
    eyes, across = xy[:, 36:48].mean(axis=1), xy[:, 45] - xy[:, 36]
    half = np.maximum(np.linalg.norm(xy[:, 8] - eyes, axis=1) / _EYES_TO_CHIN, 1e-6)
    # lids close, the corners of an eye stay
    brows = (_above(xy, 19, [36, 39]) + _above(xy, 24, [42, 45])) / 2 / half
    lids = (_far(xy, 37, 41) + _far(xy, 44, 46)) / 2 / half
    wide = _far(xy, 48, 54) / half
    found = np.stack(
        [
            (brows - np.median(brows)) / _RAISED,
            (1 - lids / max(float(np.median(lids)), 1e-6)) / 0.62,
            _far(xy, 62, 66) / half / _PARTED,
            (1 - wide / max(float(np.median(wide)), 1e-6)) / 0.42,
            _yaw(xy, across),
            np.zeros(len(seen)),
            np.arctan2(across[:, 1], across[:, 0]),
        ],
        axis=1,
    )
    found = np.clip(
        found, [-1.0, -0.5, 0.0, -1.0, -_TURN, 0.0, -_TURN], [1.0, 1.6, 1.2, 1.0, _TURN, 0.0, _TURN]
    )
    return np.stack([np.interp(np.arange(len(face)), seen, column) for column in found.T], axis=1)


def _yaw(xy: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Estimate how far a head is turned, by how far the mouth lies ahead of the middle between the jaw's ends."""
    along = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    ahead = xy[:, [48, 54]].mean(axis=1) - xy[:, [0, 16]].mean(axis=1)
    half = np.maximum(_far(xy, 0, 16) / 2, 1e-6)
    return np.asarray(-np.arcsin(np.clip((ahead * along).sum(axis=1) / half / _MOUTH, -0.9, 0.9)))


def _far(points: np.ndarray, one: int, other: int) -> np.ndarray:
    return np.asarray(np.linalg.norm(points[:, one] - points[:, other], axis=-1))


def _above(points: np.ndarray, brow: int, corners: list[int]) -> np.ndarray:
    return np.asarray(np.linalg.norm(points[:, brow] - points[:, corners].mean(axis=1), axis=-1))
