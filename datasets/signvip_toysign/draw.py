"""From a skeleton to pictures and depth, by the painter's algorithm on a larger canvas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from signvip_toysign.head import Head
from signvip_toysign.limbs import TOY, Limbs, Lines, Pixels
from signvip_toysign.shapes import Layer, Shape, depth_of, paint
from signvip_toysign.signer import Signer, shade
from signvip_toysign.skeleton import WHOLE, Skeleton, View, pixels

FINE = 128  # up to this size a canvas is four times as large, above it twice
SHADE = 0.74  # of a shadow on the clothes


@dataclass(frozen=True)
class Stage:
    """The part of a picture that does not move, once lit and once in shadow, and its depth."""

    lit: Image.Image
    dark: Image.Image
    depth: Image.Image


def render(
    skeleton: Skeleton, size: tuple[int, int], view: View = WHOLE, lines: Lines = TOY
) -> tuple[np.ndarray, np.ndarray]:
    """Return frames (F, H, W, 3) uint8 and depth (F, H, W) uint8."""
    finer = 4 if min(size) <= FINE else 2
    canvas = (size[0] * finer, size[1] * finer)
    unit = min(canvas) * view.zoom

    def place(points: np.ndarray) -> np.ndarray:
        return pixels(points, canvas, view)

    limbs = Limbs(skeleton, place, unit, lines)
    layers, shadow = [Head(skeleton, place, unit).layer(), *limbs.layers()], limbs.shadow()
    stage = set_stage(skeleton.signer, canvas, place)
    count = len(skeleton.face)
    frames, depths = np.empty((count, *size, 3), np.uint8), np.empty((count, *size), np.uint8)
    for frame in range(count):
        frames[frame], depths[frame] = _frame(stage, layers, shadow, frame, finer)
    return frames, depths


def _frame(
    stage: Stage, layers: list[Layer], shadow: list[Shape], frame: int, finer: int
) -> tuple[np.ndarray, np.ndarray]:
    picture, depth = stage.lit.copy(), stage.depth.copy()
    mask = Image.new("1", picture.size)
    shade_ = ImageDraw.Draw(mask)
    for shape in shadow:
        shade_.polygon(shape.points[frame], fill=1)
    picture.paste(stage.dark, mask=mask)
    paint(layers, frame, picture, depth)
    return np.asarray(picture.reduce(finer)), np.asarray(depth.reduce(finer))


def set_stage(signer: Signer, canvas: tuple[int, int], place: Pixels) -> Stage:
    """Draw wall and torso at canvas size (H, W); `place` takes scene coordinates to its pixels."""
    wall = _wall(signer, canvas)
    lit, dark = wall.copy(), wall.copy()
    depth = Image.new("L", (canvas[1], canvas[0]))
    _torso(signer, lit, depth, place, 1.0)
    _torso(signer, dark, depth, place, SHADE)
    return Stage(lit, dark, depth)


def _wall(signer: Signer, canvas: tuple[int, int]) -> Image.Image:
    height, width = canvas
    one, other = (np.array(colour, float) for colour in signer.wall)
    down, right = np.mgrid[0:height, 0:width] / max(height, width)
    share = {
        "plain": 0.18 * np.hypot(right - 0.5, down - 0.4),
        "gradient": down * 0.9,
        "panel": (down > 0.62) * 1.0,
        "split": (right + 0.25 * down > 0.72) * 1.0,
    }[signer.background][..., None]
    return Image.fromarray(np.clip(np.rint(one * (1 - share) + other * share), 0, 255).astype(np.uint8))


def _torso(signer: Signer, picture: Image.Image, depth: Image.Image, place: Pixels, light: float) -> None:
    pen, deep = ImageDraw.Draw(picture), ImageDraw.Draw(depth)
    for grow, factor, z in (
        (0.006, 0.60, 0.06),
        (0.0, 0.90, 0.03),
        (-0.028, 1.0, 0.0),
        (-0.075, 1.05, -0.03),
    ):
        outline = _flat(torso_outline(signer, grow), place)
        pen.polygon(outline, fill=shade(shade(signer.cloth, factor), light))
        deep.polygon(outline, fill=depth_of(np.array([z]))[0])
    _neckline(signer, pen, place, light)


def _neckline(signer: Signer, pen: ImageDraw.ImageDraw, place: Pixels, light: float) -> None:
    skin, trim = shade(signer.skin, 0.92 * light), shade(signer.trim, light)
    angle = np.linspace(0, 2 * np.pi, 21)

    def ring(wide: float, tall: float) -> list[float]:
        return _flat(np.stack([wide * np.cos(angle), 0.472 + tall * np.sin(angle)], axis=1), place)

    if signer.neckline == "round":
        pen.polygon(ring(0.088, 0.052), fill=trim)
        pen.polygon(ring(0.078, 0.042), fill=skin)
    elif signer.neckline == "high":
        pen.polygon(ring(0.068, 0.026), fill=trim)
    else:
        low = 0.61 if signer.neckline == "vee" else 0.56
        for grow, colour in ((0.014, trim), (0.0, skin)):
            pen.polygon(
                _flat(np.array([[-0.07 - grow, 0.455], [0.07 + grow, 0.455], [0, low + 1.6 * grow]]), place),
                fill=colour,
            )
    if signer.neckline == "collar":
        for side in (-1, 1):
            wing = np.array(
                [[side * 0.068, 0.45], [side * 0.105, 0.485], [side * 0.07, 0.545], [side * 0.005, 0.562]]
            )
            pen.polygon(_flat(wing, place), fill=shade(trim, 1.12))
        pen.polygon(
            _flat(np.array([[-0.004, 0.57], [0.004, 0.57], [0.004, 1.6], [-0.004, 1.6]]), place), fill=trim
        )


def torso_outline(signer: Signer, grow: float) -> np.ndarray:
    """Return the outline (n, 2) of shoulders and trunk in scene coordinates; it ends far below the picture."""
    half = signer.shoulder
    right = np.array(
        [
            [0.055, 0.452], [0.45 * half + 0.02, 0.470], [0.85 * half + 0.01, 0.483], [half + 0.028, 0.497],
            [half + 0.048, 0.53], [half + 0.040, 0.62], [half + 0.018, 0.76], [half + 0.004, 0.92], [half + 0.01, 1.7],
        ]
    )  # fmt: skip
    right = right + np.array([grow, -grow * 0.5])
    return np.concatenate([right, (right * [-1, 1])[::-1]])


def _flat(points: np.ndarray, place: Pixels) -> list[float]:
    found: list[float] = place(points).ravel().tolist()
    return found
