"""The last step of every extractor: hands in their places, short gaps bridged, and what is missing counted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from signvip.contracts import LEFT_HAND, RIGHT_HAND, Clip
from signvip.estimation.gaps import fill_gaps, longest_gap
from signvip.estimation.hands import doubled_hands, exchange, swapped_hands
from signvip.estimation.layouts import NECK, cleaned
from signvip.estimation.signer import SEEN

GAP = 0.25  # seconds; what a sign does in a longer one, nobody knows


@dataclass(frozen=True)
class Coverage:
    """Of one clip, in frames: where a person and the hands were found, what was bridged, what stays empty."""

    frames: int
    pose: int
    left: int
    right: int
    either: int
    bridged: int  # frames with a point that was interpolated
    swapped: int  # frames whose hands were exchanged
    longest: int  # run of frames without a hand

    @classmethod
    def of(cls, points: np.ndarray, bridged: int = 0, swapped: int = 0) -> Coverage:
        """Count in keypoints (F, 128, 3)."""
        left, right = hand_seen(points[:, LEFT_HAND]), hand_seen(points[:, RIGHT_HAND])
        pose = points[:, NECK, 2] >= SEEN
        either = left | right
        person, one, other, any_ = (int(there.sum()) for there in (pose, left, right, either))
        return cls(len(points), person, one, other, any_, bridged, swapped, longest_gap(either))

    def __str__(self) -> str:
        found = ", ".join(
            f"{what} in {100 * count / max(self.frames, 1):.0f} %"
            for what, count in (
                ("a person", self.pose),
                ("a hand", self.either),
                ("the left", self.left),
                ("the right", self.right),
            )
        )
        return (
            f"{found} of {self.frames} frames; {self.bridged} bridged, {self.swapped} with hands exchanged, "
            f"{self.longest} in a row without a hand"
        )


@dataclass(frozen=True)
class Tidied:
    """The values for `Clip.known`, and remarks about them."""

    known: Mapping[str, np.ndarray]
    coverage: Coverage


def tidy(
    points: np.ndarray,
    hands: np.ndarray | None = None,
    *,
    fps: float,
    gap: float = GAP,
    aspect: float = 1.0,
) -> Tidied:
    """Tidy keypoints (F, 128, 3) and, where there are any, 3D hands (F, 2, 21, 4) of the same detections.

    `gap` seconds are bridged; `aspect` is width / height of the pictures.
    """
    points = cleaned(points)
    doubled = doubled_hands(points, aspect)
    for side, part in enumerate((LEFT_HAND, RIGHT_HAND)):
        points[doubled[:, side], part] = 0
    swapped = swapped_hands(points, aspect)
    points, bridged = fill_gaps(exchange(points, swapped), round(gap * fps))
    known = {"keypoints": points}
    if hands is not None:
        hands = cleaned(np.where(doubled[..., None, None], 0, hands))
        hands = np.where(swapped[:, None, None, None], hands[:, ::-1], hands)
        known["hands"] = fill_gaps(hands, round(gap * fps))[0]
    coverage = Coverage.of(points, int(bridged.any(axis=1).sum()), int(swapped.sum()))
    return Tidied(known, coverage)


def hand_seen(hand: np.ndarray) -> np.ndarray:
    """Return the frames (F,) in which more than half of a hand (F, 21, C) is sure."""
    return (hand[..., -1] >= SEEN).mean(axis=-1) > 0.5


def report(name: str, clip: Clip, found: object, seconds: float) -> None:
    """Log what an extractor found and what it cost; `signvip -v preprocess` shows it."""
    rate = len(clip.frames) / max(seconds, 1e-6)
    logging.getLogger(f"signvip.{name}").info("%s %s: %.1f frames a second; %s", name, clip.id, rate, found)
