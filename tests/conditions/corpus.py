"""A fake corpus: a figure whose arms and hands move, with everything known."""

from __future__ import annotations

import numpy as np

from signvip import Clip
from signvip.contracts import BODY, FACE, LEFT_HAND, RIGHT_HAND


def hand(wrist, palm, turn, z=0.0, mirror=1.0):
    """An open hand (21, 4): fingers fan out from the wrist, turned in the picture."""
    joints = np.zeros((21, 3))
    for finger in range(5):
        angle = turn + mirror * (finger - 2) * 0.28
        for joint, reach in enumerate((0.9, 1.3, 1.55, 1.75) if finger else (0.4, 0.7, 0.95, 1.15)):
            along = palm * reach
            joints[4 * finger + joint + 1] = (np.sin(angle) * along, -np.cos(angle) * along, -0.1 * along)
    joints += (*wrist, z)
    return np.concatenate([joints, np.ones((21, 1))], axis=-1)


def figure(phase):
    """Keypoints (128, 3) and hands (2, 21, 4) of one frame."""
    points = np.ones((128, 3))
    lift = 0.18 * np.sin(phase)
    left, right = (0.68, 0.55 - lift), (0.32, 0.55 + lift)
    body = [(0.5, 0.22), (0.5, 0.4), (0.36, 0.42), (0.28, 0.6), right, (0.64, 0.42), (0.72, 0.6), left]
    body += [(0.42, 0.8), (0.42, 1.0), (0.42, 1.2), (0.58, 0.8), (0.58, 1.0), (0.58, 1.2)]
    body += [(0.47, 0.2), (0.53, 0.2), (0.43, 0.22), (0.57, 0.22)]
    points[BODY, :2] = body
    turn = np.linspace(0, 2 * np.pi, 68)
    points[FACE, 0], points[FACE, 1] = 0.5 + 0.06 * np.cos(turn), 0.23 + 0.08 * np.sin(turn)
    hands = np.stack([hand(left, 0.1, 0.3, -0.2), hand(right, 0.1, -0.3, -0.1, mirror=-1)])
    points[LEFT_HAND, :2], points[RIGHT_HAND, :2] = hands[0, :, :2], hands[1, :, :2]
    return points, hands


def clip(name="clip-1", frames=12, size=(64, 64), fps=12.0, text="Hello", **known):
    height, width = size
    poses, hands = zip(*(figure(0.3 * t) for t in range(frames)), strict=True)
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    pictures = np.stack([np.roll(np.tile(ramp, (height, 1)), t, axis=1) for t in range(frames)])
    values = {
        "keypoints": np.float32(poses),
        "hands": np.float32(hands),
        "depth": pictures,
        **known,
    }
    return Clip(name, np.repeat(pictures[..., None], 3, -1), fps, text, "qaa", "en", known=values)
