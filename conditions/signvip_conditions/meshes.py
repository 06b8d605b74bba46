"""Meshes of hands as shaded triangles, by the painter's algorithm."""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from signvip_conditions.canvas import render, supersampling
from signvip_conditions.solids import brightness, facing, whole_tints


def draw_meshes(
    meshes: np.ndarray, triangles: np.ndarray, size: tuple[int, int], tints: np.ndarray, confidence: float
) -> np.ndarray:
    """Draw meshes (F, 2, V, 4) with triangles (F, T, 3) and tints (2, 3) of left and right: (F, H, W, 3) uint8."""
    height, width = size
    scale = np.array([width, height, width], np.float32) * supersampling(size)

    def paint(frame: int, canvas: ImageDraw.ImageDraw) -> None:
        corners, colours = [], []
        for hand, tint in zip(meshes[frame], tints, strict=True):
            seen = (hand[triangles[frame], 3] >= confidence).all(axis=1)
            pieces = (hand[:, :3].astype(np.float32) * scale)[triangles[frame][seen]]  # (T, 3, 3)
            shade = brightness(facing(pieces), pieces[..., 2].mean(axis=1) / scale[2])
            corners.append(pieces)
            colours.append(tint * shade[:, None])
        _paint(canvas, np.concatenate(corners), np.concatenate(colours))

    return render(size, len(meshes), paint)


def _paint(canvas: ImageDraw.ImageDraw, pieces: np.ndarray, colours: np.ndarray) -> None:
    """Triangles (T, 3, 3) in pixels of the canvas, the farthest first."""
    order = np.argsort(-pieces[..., 2].mean(axis=1), kind="stable")
    flat = pieces[order, :, :2].reshape(-1, 6).tolist()
    for corners, colour in zip(flat, whole_tints(colours[order][None])[0], strict=True):
        canvas.polygon(corners, fill=colour, outline=colour)  # the outline closes the seams
