"""Hands in motion: where wrists are, how palms are turned, and how fingers bend, so that all can blend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The joint each bone starts at, for the bones that end at joints 1 to 20.
PARENTS = np.array([0, 1, 2, 3, 0, 5, 6, 7, 0, 9, 10, 11, 0, 13, 14, 15, 0, 17, 18, 19])
_LEVELS = np.array([[0, 4, 8, 12, 16], [1, 5, 9, 13, 17], [2, 6, 10, 14, 18], [3, 7, 11, 15, 19]])  # bones
_FINGERS = _LEVELS[:, 1:]  # without the thumb's


@dataclass(frozen=True)
class Hands:
    """Both hands, the signer's left first, at one or more moments (...).

    `wrist` (..., 2, 3); `turn` (..., 2, 3, 3), whose columns are where thumb side, fingers and palm or back look;
    `bones` (..., 2, 20, 3) in those axes, the outer two of a finger in those of the bone before: a fist opens the way
    it closed, though its tips have turned by more than half a turn.
    """

    wrist: np.ndarray
    turn: np.ndarray
    bones: np.ndarray

    @classmethod
    def of(cls, joints: np.ndarray) -> Hands:
        """Measure the bones of joints (..., 2, 21, 3)."""
        turn = palm_axes(joints)
        bones = joints[..., 1:, :] - joints[..., PARENTS, :]
        return cls(joints[..., 0, :], turn, _along_fingers(bones @ turn, inwards=True))

    def joints(self) -> np.ndarray:
        """Return the joints (..., 2, 21, 3)."""
        bones = _along_fingers(self.bones, inwards=False) @ np.swapaxes(self.turn, -1, -2)
        joints = np.zeros((*bones.shape[:-2], 21, 3))
        for level in _LEVELS:
            joints[..., level + 1, :] = joints[..., PARENTS[level], :] + bones[..., level, :]
        return joints + self.wrist[..., None, :]

    def at(self, moment: int) -> Hands:
        """Return one moment of several."""
        return Hands(self.wrist[moment], self.turn[moment], self.bones[moment])

    def blended(self, other: Hands, share: float) -> Hands:
        """Blend towards `other`: wrists on straight lines; palms and bones turn, so that none shrinks on the way."""
        return Hands(
            self.wrist + share * (other.wrist - self.wrist),
            turned(self.turn, other.turn, share),
            _bent(self.bones, other.bones, share),
        )

    def with_side(self, side: int, other: Hands) -> Hands:
        """Return the same with one hand (0 left, 1 right) of another's."""
        pairs = ((self.wrist, other.wrist), (self.turn, other.turn), (self.bones, other.bones))
        made = [np.array(mine) for mine, _ in pairs]
        for values, (mine, theirs) in zip(made, pairs, strict=True):
            rank = self.wrist.ndim - 2  # of the moments
            place = (slice(None),) * rank + (side,)
            values[place] = np.broadcast_to(theirs, mine.shape)[place]
        return Hands(*made)


def stacked(moments: list[Hands]) -> Hands:
    """Many moments as one."""
    return Hands(*(np.stack([getattr(one, name) for one in moments]) for name in ("wrist", "turn", "bones")))


def palm_axes(joints: np.ndarray) -> np.ndarray:
    """Axes (..., 3, 3), as columns, of joints (..., 21, 3): across to the thumb's side, along to the fingers, out."""
    along = _unit(joints[..., 9, :] - joints[..., 0, :])
    across = joints[..., 5, :] - joints[..., 17, :]
    across = _unit(across - along * (across * along).sum(axis=-1, keepdims=True))
    return np.stack([across, along, np.cross(across, along)], axis=-1)


def turned(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Return the rotation at a share of the shortest turn from `start` to `end` (..., 3, 3)."""
    between = np.swapaxes(start, -1, -2) @ end
    angle = np.arccos(np.clip((np.trace(between, axis1=-2, axis2=-1) - 1) / 2, -1, 1))
    skew = np.stack([between[..., 2, 1], between[..., 0, 2], between[..., 1, 0]], -1) - np.stack(
        [between[..., 1, 2], between[..., 2, 0], between[..., 0, 1]], -1
    )
    # half a turn has no skew part: its axis is the longest column of R + 1
    half = between + np.eye(3)
    longest = np.argmax(np.linalg.norm(half, axis=-2), axis=-1)
    column = np.take_along_axis(half, longest[..., None, None], axis=-1)[..., 0]
    axis = _unit(np.where(np.linalg.norm(skew, axis=-1, keepdims=True) > 1e-4, skew, column))
    return start @ _rotation(axis, angle * share)


def _rotation(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Rodrigues: about unit axes (..., 3) by angles (...)."""
    x, y, z = np.moveaxis(axis, -1, 0)
    zero = np.zeros_like(x)
    cross = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*axis.shape, 3)
    sine, cosine = np.sin(angle)[..., None, None], np.cos(angle)[..., None, None]
    return np.asarray(np.eye(3) + sine * cross + (1 - cosine) * (cross @ cross))


def _along_fingers(bones: np.ndarray, inwards: bool) -> np.ndarray:
    """Put the outer bones of fingers into the axes of the bone before (`inwards`), or back into the palm's."""
    found = np.array(bones)
    across = np.broadcast_to([1.0, 0.0, 0.0], bones[..., _FINGERS[1], :].shape)
    for level in (2, 3):
        before = (bones if inwards else found)[..., _FINGERS[level - 1], :]
        along = _unit(before)
        across = _unit(across - along * (across * along).sum(axis=-1, keepdims=True))
        axes = np.stack([across, along, np.cross(across, along)], axis=-1)
        values = bones[..., _FINGERS[level], :, None]
        turned = (np.swapaxes(axes, -1, -2) if inwards else axes) @ values
        found[..., _FINGERS[level], :] = turned[..., 0]
    return found


def _bent(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Return the bones between two poses: directions and lengths, each on its own."""
    lengths = [np.linalg.norm(bones, axis=-1, keepdims=True) for bones in (start, end)]
    ways = [bones / np.maximum(length, 1e-9) for bones, length in zip((start, end), lengths, strict=True)]
    way = _unit(ways[0] + share * (ways[1] - ways[0]))
    return np.asarray(way * (lengths[0] + share * (lengths[1] - lengths[0])))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))
