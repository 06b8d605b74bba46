"""Holistic looks for a hand where the body's wrist is, and may miss it; a look at the whole picture may find it."""

from __future__ import annotations

from typing import Any

import numpy as np

from signvip.estimation import palm_length, same_hand
from signvip_mediapipe.landmarks import HAND_POINTS, sure

LEFT, RIGHT = 0, 1
WRISTS = {LEFT: 15, RIGHT: 16}  # in MediaPipe's body
SHOULDERS = [11, 12]
NEAR = 2.0  # in lengths of the palm: a hand that is farther does not hang on this wrist
AROUND = 1.5  # a window about the wrist, in widths of the shoulders
SMALLEST = 32  # pixels; less shows no hand


def look_again(frame: np.ndarray, body: np.ndarray, hands: np.ndarray, finder: Any) -> np.ndarray:
    """Fill in hands (2, 21, 4) of a frame (H, W, 3) that are missing although the body (33, 4) has a wrist there.

    First in the whole picture, then about the wrist. `finder` is MediaPipe's Hands for single pictures.
    """
    sides = [side for side in WRISTS if not hands[side, 0, 3] and _in_picture(body[WRISTS[side]])]
    if not sides:
        return hands
    hands = hands.copy()
    height, width = frame.shape[:2]
    _take(hands, sides, _hands(finder, frame, (0, 0, width, height)), body, frame)
    for side in sides:
        if not hands[side, 0, 3]:
            window = _about(body, side, width, height)
            if min(window[2] - window[0], window[3] - window[1]) >= SMALLEST:
                _take(hands, [side], _hands(finder, frame, window), body, frame)
    return hands


def _take(
    hands: np.ndarray, sides: list[int], found: list[np.ndarray], body: np.ndarray, frame: np.ndarray
) -> None:
    """Give each missing side the hand nearest to its wrist that is not the other side's."""
    scale = np.array([frame.shape[1], frame.shape[0]])
    pairs = sorted(
        (_far(hand, body, side, scale), number, side) for number, hand in enumerate(found) for side in sides
    )
    for far, number, side in pairs:
        if far <= NEAR and not hands[side, 0, 3] and not _held(found[number], hands[1 - side], scale):
            hands[side] = found[number]


def _far(hand: np.ndarray, body: np.ndarray, side: int, scale: np.ndarray) -> float:
    """From the hand's root to the body's wrist, in lengths of the palm; endless where the other wrist is nearer."""
    away = [float(np.hypot(*((hand[0, :2] - body[WRISTS[of], :2]) * scale))) for of in (side, 1 - side)]
    return away[0] / max(float(palm_length(hand[:, :2] * scale)), 1e-6) if away[0] <= away[1] else np.inf


def _held(hand: np.ndarray, other: np.ndarray, scale: np.ndarray) -> bool:
    """Say whether the other side has this hand already."""
    return bool(other[0, 3] and same_hand(hand[:, :2] * scale, other[:, :2] * scale))


def _hands(finder: Any, frame: np.ndarray, window: tuple[int, int, int, int]) -> list[np.ndarray]:
    """Return the hands (21, 4) in a window x0, y0, x1, y1 of the frame, in fractions of the frame."""
    x0, y0, x1, y1 = window
    height, width = frame.shape[:2]
    found = finder.process(np.ascontiguousarray(frame[y0:y1, x0:x1])).multi_hand_landmarks or ()
    grow = np.array([(x1 - x0) / width, (y1 - y0) / height, (x1 - x0) / width, 1], np.float32)
    shift = np.array([x0 / width, y0 / height, 0, 0], np.float32)
    return [sure(hand, HAND_POINTS) * grow + shift for hand in found]


def _in_picture(wrist: np.ndarray) -> bool:
    return bool(0 <= wrist[0] <= 1 and 0 <= wrist[1] <= 1 and wrist[3] >= 0.3)


def _about(body: np.ndarray, side: int, width: int, height: int) -> tuple[int, int, int, int]:
    """Return a square about the wrist and the roots of little finger and index, which lie in the palm."""
    scale = np.array([width, height])
    wrist = WRISTS[side]
    centre = (body[[wrist, wrist + 2, wrist + 4], :2] * scale).mean(axis=0)
    half = AROUND / 2 * float(np.hypot(*((body[SHOULDERS[0], :2] - body[SHOULDERS[1], :2]) * scale)))
    x0, y0 = np.clip(centre - half, 0, scale).round().astype(int)
    x1, y1 = np.clip(centre + half, 0, scale).round().astype(int)
    return int(x0), int(y0), int(x1), int(y1)
