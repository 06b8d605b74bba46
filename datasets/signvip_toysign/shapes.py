"""The painter's material: polygons of a whole clip, computed at once, painted frame by frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from signvip_toysign.signer import Colour

NEAR, FAR = -0.62, 0.22  # z that get depth 255 and 40; the background has 0
CAP = np.linspace(-np.pi / 2, np.pi / 2, 7)


@dataclass(frozen=True)
class Shape:
    """One polygon over all frames: flat points [F][2n], a colour and perhaps a depth for each frame."""

    points: list[list[float]]
    colour: list[Colour]
    depth: list[int] | None = None


@dataclass(frozen=True)
class Layer:
    """Shapes that are painted together: `z` (F,) says when among the layers, `order` [F] in which order."""

    z: np.ndarray
    shapes: list[Shape]
    order: list[list[int]] | None = None


def paint(layers: list[Layer], frame: int, picture: Image.Image, depth: Image.Image) -> None:
    """Paint one frame, farthest layer first, into the picture and into its depth."""
    colours, depths = ImageDraw.Draw(picture), ImageDraw.Draw(depth)
    for layer in sorted(layers, key=lambda layer: -float(layer.z[frame])):
        order = layer.order[frame] if layer.order else range(len(layer.shapes))
        for index in order:
            shape = layer.shapes[index]
            points = shape.points[frame]
            colours.polygon(points, fill=shape.colour[frame])
            if shape.depth is not None:
                depths.polygon(points, fill=shape.depth[frame])


def capsule(start: np.ndarray, end: np.ndarray, radius: tuple[float, float] | np.ndarray) -> np.ndarray:
    """Rounded bones (..., 14, 2) between 2D points (..., 2), with a radius at either end."""
    radius = np.asarray(radius, float)
    way = end - start
    angle = np.arctan2(way[..., 1], way[..., 0])[..., None]
    head = np.stack([np.cos(angle + CAP), np.sin(angle + CAP)], axis=-1) * radius[..., 1, None, None]
    tail = (
        np.stack([np.cos(angle + np.pi + CAP), np.sin(angle + np.pi + CAP)], axis=-1)
        * radius[..., 0, None, None]
    )
    return np.concatenate([end[..., None, :] + head, start[..., None, :] + tail], axis=-2)


def flat(points: np.ndarray) -> list[list[float]]:
    """Return points (F, n, 2) as Pillow takes them fastest."""
    found: list[list[float]] = points.reshape(len(points), -1).tolist()
    return found


def depth_of(z: np.ndarray) -> list[int]:
    """Return the depth value of each z (F,): 255 is nearest."""
    share = (FAR - z) / (FAR - NEAR)
    found: list[int] = np.clip(np.rint(40 + 215 * share), 1, 255).astype(int).tolist()
    return found


def tinted(colour: Colour, factor: np.ndarray) -> list[Colour]:
    """Return a colour, lit by a factor for each frame (F,)."""
    rows = np.clip(np.rint(np.array(colour) * factor[:, None]), 0, 255).astype(int)
    return [(red, green, blue) for red, green, blue in rows.tolist()]


def same(colour: Colour, frames: int) -> list[Colour]:
    """Return the same colour in every frame."""
    return [colour] * frames
