"""Choose the signer among several people: the most central and largest, followed over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from signvip.contracts import BODY

SEEN = 0.3  # points of less confidence are not used, nor drawn
REACH = 1.0  # a person moves by no more than this from one sight to the next, in sizes of head and shoulders
TRUNK = [0, 1, 2, 5, 14, 15, 16, 17]  # head and shoulders: arms wave, and would move a box with them


@dataclass
class _Track:
    """One person over time: `places` maps frames to their number among the people there."""

    places: dict[int, int] = field(default_factory=dict)
    weight: float = 0.0
    centre: np.ndarray = field(default_factory=lambda: np.zeros(2))
    size: float = 0.0


def follow(people: Sequence[np.ndarray], aspect: float = 1.0) -> np.ndarray:
    """Return the signer's points (F, N, C) from those of everybody, (P, N, C) in each frame.

    x and y are fractions, `aspect` is width / height of the pictures, and the first 18 points are OpenPose's body.
    Frames in which the signer is not found are zeros.
    """
    picked = signer_boxes([trunks(frame, aspect) for frame in people], aspect)
    found = np.zeros((len(people), *people[0].shape[1:]), np.float32) if len(people) else np.zeros((0, 0, 3))
    for frame, (who, points) in enumerate(zip(picked, people, strict=True)):
        if who is not None:
            found[frame] = points[who]
    return found


def trunks(points: np.ndarray, aspect: float = 1.0) -> np.ndarray:
    """Return a box (P, 4) about the head and shoulders of people (P, N, 3), NaN where nothing is seen; all in heights.

    Where neither head nor shoulders are seen, about all that is.
    """
    boxes = np.full((len(points), 4), np.nan)
    for person, one in enumerate(points):
        seen = one[..., 2] >= SEEN
        trunk = one[BODY][TRUNK][seen[BODY][TRUNK]]
        chosen = trunk if len(trunk) > 1 else one[seen]
        if len(chosen) > 1:
            xy = chosen[:, :2] * (aspect, 1)
            boxes[person] = *xy.min(axis=0), *xy.max(axis=0)
    return boxes


def signer_boxes(boxes: Sequence[np.ndarray], width: float = 1.0) -> list[int | None]:
    """Return which box (P, 4) of each frame is the signer's (x0, y0, x1, y1 in one unit); None where none is.

    `width` is that of the picture. A person is followed by the nearest box; the signer is who is large and near
    the middle for longest.
    """
    tracks: list[_Track] = []
    for frame, there in enumerate(boxes):
        _extend(tracks, frame, np.asarray(there, float).reshape(-1, 4), width)
    if not tracks:
        return [None] * len(boxes)
    best = max(tracks, key=lambda track: track.weight)
    return [best.places.get(frame) for frame in range(len(boxes))]


def _extend(tracks: list[_Track], frame: int, boxes: np.ndarray, width: float) -> None:
    """Give each box to the nearest track that has none yet, the nearest pair first; what is left begins a track."""
    usable = [who for who in range(len(boxes)) if np.isfinite(boxes[who]).all()]
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sizes = np.sqrt(np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), axis=1))
    pairs = sorted(
        (float(np.hypot(*(centres[who] - track.centre)) / max(sizes[who], track.size)), number, who)
        for number, track in enumerate(tracks)
        for who in usable
    )
    open_tracks, open_boxes = set(range(len(tracks))), set(usable)
    for distance, number, who in pairs:
        if distance <= REACH and number in open_tracks and who in open_boxes:
            open_tracks.remove(number)
            open_boxes.remove(who)
            _add(tracks[number], frame, who, centres[who], float(sizes[who]), width)
    for who in sorted(open_boxes):
        tracks.append(_Track())
        _add(tracks[-1], frame, who, centres[who], float(sizes[who]), width)


def _add(track: _Track, frame: int, who: int, centre: np.ndarray, size: float, width: float) -> None:
    track.places[frame] = who
    track.centre, track.size = centre, size
    track.weight += size**2 * (1 - abs(centre[0] / width - 0.5))
