"""From glosses to movement: signs joined by co-articulation, sampled at any frame rate.

All that moves is one row of numbers a moment (`Track`), laid out on a fine clock, smoothed and then sampled, so
that another frame rate shows the same movement.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from signvip_toysign.hand import handshape
from signvip_toysign.rotations import near, orientation
from signvip_toysign.signs import Sign, Vector, place

CLOCK = 48.0  # moments a second while signs are joined
REST_SECONDS, JOIN_SECONDS = 0.18, 0.15
DRIFT = 0.06
HAND = 3 + 4 + 12  # wrist, orientation, handshape
HANDS = 2 * HAND
BROWS, SQUINT, OPEN, ROUND, YAW, PITCH, ROLL = range(HANDS, HANDS + 7)
WIDTH = HANDS + 7


@dataclass(frozen=True)
class Motion:
    """The body's movement: wrist (F, 2, 3), rotation as quaternions (F, 2, 4), shape (F, 2, 12), face (F, 7).

    Hands are the signer's left, then right; face is brows, squint, open, round, yaw, pitch, roll. `signs` (F,) is the
    number of the sign that each frame signs or comes to, -1 once all are signed; None where there are no signs.
    """

    wrist: np.ndarray
    rotation: np.ndarray
    shape: np.ndarray
    face: np.ndarray
    signs: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.wrist)


@dataclass(frozen=True)
class Manner:
    """A clip's manner of signing: tempo (1 is usual), reach of the movements, and when the eyes blink (seconds)."""

    tempo: float = 1.0
    reach: float = 1.0
    blinks: tuple[float, ...] = ()


def rest(moments: int = 1) -> np.ndarray:
    """Return the rest pose, as a track (moments, WIDTH)."""
    hands = []
    for side in range(2):
        x, y, z = place("rest")
        pose = [np.array([x, y, z + 0.04 * (side == 0)]), orientation("across-down", "in"), handshape("rest")]
        hands.append(np.concatenate(pose))
    return np.tile(np.concatenate([*hands, np.zeros(7)]), (moments, 1))


def neutral() -> Motion:
    """Return one frame at rest: the picture of a signer."""
    return unpack(rest())


def perform(
    signs: Sequence[Sign], fps: float, manner: Manner, negated: slice | None, question: bool
) -> Motion:
    """Sign a sentence. Head shake runs over the signs of `negated`; raised brows over a question."""
    still = rest(_moments(REST_SECONDS, manner))
    parts, spans, length = [still], [], len(still)
    for track in (*(sign_track(sign, manner) for sign in signs), still):
        track = _aligned(track, parts[-1][-1])
        bridge = _join(parts[-1][-1], track[0], manner)
        spans.append((length + len(bridge), length + len(bridge) + len(track)))
        length = spans[-1][1]
        parts += [bridge, track]
    track = _smooth(np.concatenate(parts))
    if question:
        _ask(track, spans[0][0], spans[-2][1])
    if negated is not None:
        _shake(track, *_extent(spans[:-1][negated]))
    _blink(track, manner)
    at = _frames(len(track), fps)
    return replace(unpack(_sample(track, at)), signs=_signs(at, [stop for _, stop in spans[:-1]]))


def sign_track(sign: Sign, manner: Manner) -> np.ndarray:
    """Return one sign by itself (moments, WIDTH): right hand dominant."""
    moments = _moments(sign.seconds, manner)
    when = np.linspace(0, 1, moments)
    track = rest(moments)
    right = track[:, HAND:HANDS]
    _hand(right, sign, when, manner.reach, phase=0.0)
    if sign.hands in ("both", "alternate"):
        _hand(track[:, :HAND], sign, when, manner.reach, phase=np.pi * (sign.hands == "alternate"))
    elif sign.hands == "base":
        _base(track[:, :HAND], sign, when)
    swell = np.sin(np.pi * when)
    track[:, BROWS], track[:, SQUINT] = sign.brows, sign.squint
    track[:, OPEN], track[:, ROUND] = sign.mouth[0] * (0.35 + 0.65 * swell), sign.mouth[1]
    track[:, PITCH], track[:, ROLL] = 0.06 * swell, sign.tilt
    return track


def unpack(track: np.ndarray) -> Motion:
    """Give the columns of a track their names."""
    hands = track[:, :HANDS].reshape(len(track), 2, HAND)
    return Motion(hands[..., :3], hands[..., 3:7], hands[..., 7:], track[:, HANDS:])


def _hand(hand: np.ndarray, sign: Sign, when: np.ndarray, reach: float, phase: float) -> None:
    there = 0.5 - 0.5 * np.cos(2 * np.pi * sign.turns * when + phase)
    share = (there if sign.path == "repeat" else when)[:, None]
    hand[:, :3] = np.array(place(sign.at)) + reach * path(sign, when, phase)
    start = orientation(sign.point[0], sign.palm[0])
    end = near(orientation(sign.point[-1], sign.palm[-1]), start)
    hand[:, 3:7] = start + share * (end - start)
    shapes = handshape(sign.shape[0]), handshape(sign.shape[-1])
    hand[:, 7:] = shapes[0] + share * (shapes[1] - shapes[0])
    if sign.path == "wiggle":
        wave = 2 * np.pi * sign.turns * when[:, None] + np.arange(4) * 1.3 + phase
        hand[:, 7:11] += 0.5 * (1 - np.cos(wave)) * 0.55


def path(sign: Sign, when: np.ndarray, phase: float = 0.0) -> np.ndarray:
    """Return the wrist's place (moments, 3) relative to the place of the sign, for `when` in [0, 1]."""
    move = np.array(sign.move)
    wave = 2 * np.pi * sign.turns * when + phase
    if sign.path == "circle":
        return np.stack([move[0] * np.cos(wave), move[1] * np.sin(wave), 0.03 * np.sin(wave)], axis=1)
    if sign.path == "repeat":
        # It drifts on the way, so that nothing stands still where it turns.
        return (0.5 - 0.5 * np.cos(wave))[:, None] * move + DRIFT * when[:, None] * _across(sign.move)
    eased = 0.5 * when + 0.5 * when**2 * (3 - 2 * when)
    along = eased[:, None] * move
    if sign.path == "arc":
        return along + np.sin(np.pi * when)[:, None] * 0.32 * float(np.linalg.norm(move)) * _across(sign.move)
    if sign.path == "zigzag":
        return along + np.sin(wave)[:, None] * 0.065 * _across(sign.move)
    return along


def _across(move: Vector) -> np.ndarray:
    """Return the unit vector across a movement in the picture's plane: upwards, or outwards where it is upright."""
    across = np.array([move[1], -move[0], 0.0]) / max(float(np.hypot(move[0], move[1])), 1e-6)
    upright = abs(move[1]) > 2 * abs(move[0])
    return np.asarray(across * (np.sign(across[0]) if upright else -np.sign(across[1])) + [0, 0, -0.15])


def _base(hand: np.ndarray, sign: Sign, when: np.ndarray) -> None:
    """Move the hand that is signed upon: it holds its shape, and gives way a little."""
    hand[:, :3] = np.array(place(sign.base_at)) + 0.12 * path(sign, when) * [-1, 1, 1]
    hand[:, 3:7] = orientation(sign.base_point, sign.base_palm)
    hand[:, 7:] = handshape(sign.base)


def _moments(seconds: float, manner: Manner) -> int:
    return max(2, round(seconds / manner.tempo * CLOCK))


def _join(start: np.ndarray, end: np.ndarray, manner: Manner) -> np.ndarray:
    """Return the way between two signs, longer where the hands are farther apart; ends excluded."""
    gap = max(float(np.linalg.norm(start[at : at + 3] - end[at : at + 3])) for at in (0, HAND))
    moments = _moments(JOIN_SECONDS + 0.30 * min(gap, 0.5), manner)
    share = np.linspace(0, 1, moments + 2)[1:-1, None]
    share = 0.7 * share + 0.3 * share**2 * (3 - 2 * share)
    return start + share * (end - start)


def _aligned(track: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Flip quaternions that would turn the long way round."""
    track = track.copy()
    for at in (3, HAND + 3):
        if track[0, at : at + 4] @ last[at : at + 4] < 0:
            track[:, at : at + 4] *= -1
    return track


def _smooth(track: np.ndarray) -> np.ndarray:
    kernel = np.hanning(9)[1:-1]
    kernel /= kernel.sum()
    padded = np.pad(track, ((3, 3), (0, 0)), mode="edge")
    return np.asarray(sum(weight * padded[at : at + len(track)] for at, weight in enumerate(kernel)))


def _frames(moments: int, fps: float) -> np.ndarray:
    """Return the moment of each frame (F,)."""
    frames = max(1, round(moments / CLOCK * fps))
    return np.minimum(np.arange(frames) * CLOCK / fps, moments - 1)


def _signs(at: np.ndarray, stops: Sequence[int]) -> np.ndarray:
    """Return the number of the sign that each frame signs or comes to (F,), by the moments where signs end."""
    coming = np.searchsorted(stops, at, side="right")
    return np.where(coming < len(stops), coming, -1)


def _sample(track: np.ndarray, at: np.ndarray) -> np.ndarray:
    low = np.minimum(at.astype(int), len(track) - 2)
    share = (at - low)[:, None]
    return track[low] * (1 - share) + track[low + 1] * share


def _extent(spans: list[tuple[int, int]]) -> tuple[int, int]:
    return spans[0][0], spans[-1][1]


def _ask(track: np.ndarray, start: int, stop: int) -> None:
    swell = _plateau(start, stop, len(track))
    track[:, BROWS] = track[:, BROWS] * (1 - 0.7 * swell) + 1.0 * swell
    track[:, PITCH] += 0.10 * swell


def _shake(track: np.ndarray, start: int, stop: int) -> None:
    moments = np.arange(len(track)) - start
    track[:, YAW] += 0.30 * _plateau(start, stop, len(track)) * np.sin(2 * np.pi * 1.9 * moments / CLOCK)


def _blink(track: np.ndarray, manner: Manner) -> None:
    for blink in manner.blinks:
        away = np.abs(np.arange(len(track)) - blink * CLOCK) / 4
        track[:, SQUINT] = np.maximum(track[:, SQUINT], 1.6 * np.clip(1.4 - away, 0, 1))


def _plateau(start: int, stop: int, moments: int) -> np.ndarray:
    """1 inside, 0 outside, with soft edges."""
    at = np.arange(moments)
    return np.clip(np.minimum(at - start + 6, stop + 6 - at) / 8, 0, 1)
