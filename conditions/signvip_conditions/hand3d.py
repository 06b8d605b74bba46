"""The condition `hand3d`: both hands as shaded solids or meshes, near over far (section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from PIL import ImageDraw

import signvip
from signvip_conditions.canvas import SEEN, render
from signvip_conditions.known import known, points
from signvip_conditions.meshes import draw_meshes
from signvip_conditions.solids import Solids, hand_solids


class Hand3d:
    """Tapered capsules along the bones and a palm, or a mesh, lit from the camera; left is warm, right is cool."""

    needs = ("hands",)

    class Config(signvip.Config):
        confidence: float = SEEN
        radius: float = 0.17  # of a finger at its root, in lengths of the palm
        left: tuple[int, int, int] = (255, 176, 112)
        right: tuple[int, int, int] = (128, 184, 255)

    def __init__(self, config: Config) -> None:
        self.config = config

    def extract(self, clip: signvip.Clip) -> dict[str, np.ndarray]:
        """Return {"hands": (F, 2, 21, 4) float16}: x, y, z, confidence; of a clip with meshes, these too."""
        data = {"hands": points(clip, "hands", "hand3d", (2, 21, 4))}
        if {"meshes", "triangles"} <= set(clip.known):
            data["meshes"] = points(clip, "meshes", "hand3d", (2, -1, 4))
            data["triangles"] = known(clip, "triangles", "hand3d", (-1, 3)).astype(np.uint16)
        return data

    def draw(
        self, data: Mapping[str, np.ndarray], size: tuple[int, int], frames: Sequence[int] | None = None
    ) -> np.ndarray:
        """Draw the hands at (H, W): (F, H, W, 3) uint8 RGB on black."""
        if frames is not None:
            data = {name: rows[list(frames)] for name, rows in data.items()}
        hands, tints = data["hands"], np.array([self.config.left, self.config.right], np.float32)
        if "meshes" in data:
            return draw_meshes(data["meshes"], data["triangles"], size, tints, self.config.confidence)
        solids = hand_solids(hands, size, tints, self.config.radius, self.config.confidence)
        return render(size, len(hands), lambda i, canvas: _paint(canvas, solids, i))


def _paint(canvas: ImageDraw.ImageDraw, solids: Solids, frame: int) -> None:
    """Painter's algorithm: the farthest piece first."""
    for piece in solids.order[frame]:
        rim, lit = solids.rims[frame][piece], solids.lit[frame][piece]
        canvas.polygon(solids.outlines[frame][piece], fill=rim)
        if piece in solids.capped:
            canvas.ellipse(solids.caps[frame][piece], fill=rim)
            canvas.polygon(solids.cores[frame][piece], fill=lit)
