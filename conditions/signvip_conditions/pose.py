"""The condition `pose`: body, face and both hands as a fine-grained 2D skeleton (section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from colorsys import hsv_to_rgb

import numpy as np
from PIL import ImageDraw

import signvip
from signvip.contracts import BODY, FACE, LEFT_HAND, NUM_KEYPOINTS, RIGHT_HAND
from signvip_conditions.canvas import SEEN, Colour, pixels, render, thickness
from signvip_conditions.known import points
from signvip_conditions.skeleton import BODY_LIMBS, FACE_LINES, HAND_BONES

Point = tuple[float, float]
Polyline = tuple[tuple[int, ...], Colour]


class Pose:
    """Thick coloured limbs, finer face and hands; every bone of the two hands has a colour of its own."""

    needs = ("keypoints",)

    class Config(signvip.Config):
        confidence: float = SEEN
        body: float = 0.034  # line widths, in fractions of the shorter side of the picture
        face: float = 0.008
        hands: float = 0.013

    def __init__(self, config: Config) -> None:
        self.config = config

    def extract(self, clip: signvip.Clip) -> dict[str, np.ndarray]:
        """Return {"keypoints": (F, 128, 3) float16}: x, y, confidence."""
        return {"keypoints": points(clip, "keypoints", "pose", (NUM_KEYPOINTS, 3))}

    def draw(
        self, data: Mapping[str, np.ndarray], size: tuple[int, int], frames: Sequence[int] | None = None
    ) -> np.ndarray:
        """Draw the skeleton at (H, W): (F, H, W, 3) uint8 RGB on black."""
        keypoints = data["keypoints"] if frames is None else data["keypoints"][list(frames)]
        where: list[list[Point]] = [
            [(x, y) for x, y in row] for row in pixels(keypoints[..., :2], size).tolist()
        ]
        seen = keypoints[..., 2] >= self.config.confidence
        widths = [thickness(w, size) for w in (self.config.body, self.config.face, self.config.hands)]

        def paint(i: int, canvas: ImageDraw.ImageDraw) -> None:
            everything = bool(seen[i].all())
            _draw_joints(canvas, where[i], seen[i], widths[0] / 2)
            for lines, width in zip((_BODY, _FACE, _HANDS), widths, strict=True):
                for line, colour in lines:
                    runs = [line] if everything else _runs(line, seen[i])
                    for run in runs:
                        canvas.line([where[i][p] for p in run], fill=colour, width=width)

        return render(size, len(keypoints), paint)


def _draw_joints(canvas: ImageDraw.ImageDraw, where: list[Point], seen: np.ndarray, radius: float) -> None:
    """Round off the ends of the limbs."""
    for p, colour in _JOINTS:
        if seen[p]:
            x, y = where[p]
            canvas.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)


def _runs(line: tuple[int, ...], seen: np.ndarray) -> list[tuple[int, ...]]:
    """Split a polyline where a point is not seen."""
    runs: list[list[int]] = [[]]
    for p in line:
        if seen[p]:
            runs[-1].append(p)
        else:
            runs.append([])
    return [tuple(run) for run in runs if len(run) > 1]


def _hue(hue: float, saturation: float = 1.0, value: float = 1.0) -> Colour:
    red, green, blue = (round(255 * c) for c in hsv_to_rgb(hue % 1, saturation, value))
    return red, green, blue


def _hand(offset: int, saturation: float) -> list[Polyline]:
    """Return the 20 bones of a hand; a finger is a family of hues."""
    return [
        ((offset + a, offset + b), _hue(bone // 4 / 5 + bone % 4 * 0.04, saturation))
        for bone, (a, b) in enumerate(HAND_BONES)
    ]


_BODY: list[Polyline] = [
    ((BODY.start + a, BODY.start + b), _hue(limb / len(BODY_LIMBS), value=0.65))
    for limb, (a, b) in enumerate(BODY_LIMBS)
]
_JOINTS: list[tuple[int, Colour]] = [(BODY.start + p, _hue(p / 18)) for p in range(18)]
_FACE: list[Polyline] = [(tuple(FACE.start + p for p in line), (255, 255, 255)) for line in FACE_LINES]
_HANDS: list[Polyline] = _hand(LEFT_HAND.start, 1.0) + _hand(RIGHT_HAND.start, 0.45)
