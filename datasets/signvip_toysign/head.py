"""Head, hair and neck as one layer of shapes, from the landmarks and the signer's looks."""

from __future__ import annotations

import numpy as np

from signvip_toysign.face_points import JAW, LEFT_BROW, LEFT_EYE, LIPS, MOUTH, RIGHT_BROW, RIGHT_EYE, surface
from signvip_toysign.limbs import Pixels
from signvip_toysign.shapes import Layer, Shape, capsule, depth_of, flat, same
from signvip_toysign.signer import Colour, Signer, mix, shade
from signvip_toysign.skeleton import HEAD_Y, Skeleton

HEAD_Z = -0.05
NECK = 0.058  # radius


class Head:
    """The head of one clip. `pixels` takes scene coordinates to those of the canvas, `unit` is their scale."""

    def __init__(self, skeleton: Skeleton, pixels: Pixels, unit: float) -> None:
        self.skeleton, self.pixels, self.unit, self.signer = skeleton, pixels, unit, skeleton.signer
        self.frames = len(skeleton.face)
        self.edge = shade(self.signer.skin, 0.55)

    def layer(self) -> Layer:
        """Return everything above the collar, back to front."""
        shapes = [*self._hair_back(), *self._neck(), *self._skull(), *self._features(), *self._hair_front()]
        return Layer(np.full(self.frames, HEAD_Z), shapes)

    def _neck(self) -> list[Shape]:
        top = np.tile([0.0, HEAD_Y + 0.08, 0.0], (self.frames, 1))
        bottom = np.tile([0.0, 0.475, 0.0], (self.frames, 1))
        chin = self.skeleton.face[:, 8] + [0.0, 0.006, 0.05]
        skin = self.signer.cloth if self.signer.neckline == "high" else shade(self.signer.skin, 0.9)
        return [
            self._bone(top, bottom, NECK + 0.004, shade(skin, 0.62), 0.01),
            self._bone(top, bottom, NECK, skin, 0.0),
            self._bone(top, chin, NECK * 0.98, shade(self.signer.skin, 0.68), -0.01),
        ]

    def _skull(self) -> list[Shape]:
        arc = np.linspace(0, np.pi, 13)[1:-1]
        crown = np.stack([np.cos(arc), -0.12 - 0.90 * np.sin(arc), 0 * arc], axis=1)
        outline = np.concatenate([self.skeleton.face[:, JAW], self.skeleton.on_head(crown)], axis=1)
        skin, middle = self.signer.skin, outline.mean(axis=1, keepdims=True)
        shapes = [
            self._bone(ear, ear, 0.026, shade(skin, 0.86), -0.02)
            for ear in np.moveaxis(self.skeleton.ears, 1, 0)
        ]
        shapes.append(self._polygon(middle + (outline - middle) * 1.045, self.edge, -0.05))
        shapes.append(self._polygon(outline, shade(skin, 0.93), -0.07))
        for share, lit, z in ((0.86, 1.0, -0.10), (0.55, 1.05, -0.13)):
            inner = middle + (outline - middle) * share + np.array([-0.010, -0.004, 0]) * (1 - share) * 3
            shapes.append(self._polygon(inner, shade(skin, lit), z))
        if self.signer.beard:
            shapes.append(self._beard())
        return shapes

    def _beard(self) -> Shape:
        jaw = self.skeleton.face[:, 1:16]
        inner = np.array([[0.62, 0.38], [0.38, 0.34], [0.0, 0.42], [-0.38, 0.34], [-0.62, 0.38]])
        ring = np.concatenate([jaw, self._surface(inner)], axis=1)
        return self._polygon(
            ring, mix(self.signer.skin, shade(self.signer.hair, 0.85), self.signer.beard), None
        )

    def _features(self) -> list[Shape]:
        face, shapes = self.skeleton.face, []
        cheek = mix(self.signer.skin, (214, 96, 84), 0.22)
        for side in (-1, 1):
            spot = self._surface(np.array([[side * 0.56, 0.26]]))[:, 0]
            shapes.append(self._bone(spot, spot, 0.020, cheek, None))
        for eye, brow in ((RIGHT_EYE, RIGHT_BROW), (LEFT_EYE, LEFT_BROW)):
            shapes += self._eye(face[:, eye])
            shapes.append(self._ribbon(face[:, brow], 0.0115, shade(self.signer.hair, 0.62)))
        if self.signer.glasses:
            shapes += self._spectacles()
        shapes.append(self._ribbon(face[:, 27:31], 0.006, shade(self.signer.skin, 1.10)))
        shapes.append(self._ribbon(face[:, 31:36], 0.0065, shade(self.signer.skin, 0.68)))
        shapes.append(
            self._polygon(face[:, LIPS], mix(shade(self.signer.skin, 0.78), (176, 52, 62), 0.5), None)
        )
        shapes.append(self._polygon(face[:, MOUTH], (72, 22, 26), None))
        return shapes

    def _eye(self, lids: np.ndarray) -> list[Shape]:
        middle = lids.mean(axis=1)
        height = np.ptp(lids[..., 1], axis=1)
        radius = np.clip(height * 0.52, 0.002, 0.0135)
        iris = flat(
            capsule(self.pixels(middle), self.pixels(middle), np.stack([radius, radius], 1) * self.unit)
        )
        lash = lids[:, :4] if lids[0, 1, 1] < lids[0, 4, 1] else lids[:, 3:]
        return [
            self._polygon(lids, (244, 242, 238), None),
            Shape(iris, same(shade(self.signer.iris, 0.7), self.frames)),
            self._ribbon(lash, 0.0045, shade(mix(self.signer.skin, self.signer.hair, 0.6), 0.4)),
        ]

    def _spectacles(self) -> list[Shape]:
        frame: Colour = shade(self.signer.hair, 0.4)
        angle = np.linspace(0, 2 * np.pi, 15)
        shapes = []
        for side in (-1, 1):
            rim = np.stack([side * 0.42 + 0.30 * np.cos(angle), -0.10 + 0.24 * np.sin(angle)], axis=1)
            shapes.append(self._ribbon(self._surface(rim), 0.0042, frame))
        bridge = np.array([[-0.12, -0.12], [0.12, -0.12]])
        return [*shapes, self._ribbon(self._surface(bridge), 0.0042, frame)]

    def _hair_back(self) -> list[Shape]:
        colour = shade(self.signer.hair, 0.72)
        outline = hair_behind(self.signer)
        if outline is None:
            return []
        return [self._polygon(self.skeleton.on_head(outline), colour, 0.03)]

    def _hair_front(self) -> list[Shape]:
        style, hair = self.signer.hair_style, self.signer.hair
        if style == "buzz":
            hair = mix(self.signer.skin, hair, 0.72)
        outer, inner = cap(style)
        tucked = np.concatenate([inner, surface(inner)[:, None]], axis=1)
        whole = np.concatenate([np.concatenate([outer, 0 * outer[:, :1]], axis=1), tucked])
        shapes = [self._polygon(self.skeleton.on_head(whole), hair, -0.06)]
        if style != "buzz":
            shine = np.array([[-0.62, -0.80], [-0.34, -0.96], [-0.05, -1.0], [-0.30, -0.88], [-0.52, -0.72]])
            shapes.append(self._polygon(self._surface(shine), shade(hair, 1.16), None))
        return shapes

    def _surface(self, points: np.ndarray) -> np.ndarray:
        return self.skeleton.on_head(np.concatenate([points, surface(points)[:, None]], axis=1))

    def _polygon(self, points: np.ndarray, colour: Colour, z: float | None) -> Shape:
        depth = None if z is None else depth_of(np.full(self.frames, z + HEAD_Z))
        return Shape(flat(self.pixels(points)), same(colour, self.frames), depth)

    def _bone(
        self, start: np.ndarray, end: np.ndarray, radius: float, colour: Colour, z: float | None
    ) -> Shape:
        size = (radius * self.unit, radius * self.unit)
        points = flat(capsule(self.pixels(start), self.pixels(end), size))
        return Shape(
            points, same(colour, self.frames), None if z is None else depth_of(np.full(self.frames, z))
        )

    def _ribbon(self, line: np.ndarray, width: float, colour: Colour) -> Shape:
        """Return a line of points (F, n, 3) with a width, as one polygon."""
        points = self.pixels(line)
        way = np.gradient(points, axis=1)
        across = np.stack([-way[..., 1], way[..., 0]], axis=-1)
        across *= width * self.unit / 2 / np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-6)
        return Shape(
            flat(np.concatenate([points + across, (points - across)[:, ::-1]], axis=1)),
            same(colour, self.frames),
        )


def cap(style: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the outer edge and hairline (n, 2) of the hair in front, in local head coordinates."""
    angle = np.linspace(0, np.pi, 25)
    rise, wide = {"curly": (1.10, 1.16), "buzz": (0.95, 1.03)}.get(style, (1.04, 1.08))
    bumps = 1 + (0.055 * np.abs(np.sin(angle * 5.5)) if style == "curly" else 0)
    outer = np.stack([-wide * np.cos(angle) * bumps, -0.12 - rise * np.sin(angle) * bumps], axis=1)
    lines = {
        "long": [
            [0.98, -0.1],
            [0.88, -0.35],
            [0.55, -0.58],
            [0.12, -0.84],
            [-0.35, -0.62],
            [-0.86, -0.35],
            [-0.98, -0.1],
        ],
        "bun": [
            [0.97, -0.2],
            [0.80, -0.52],
            [0.40, -0.74],
            [0.0, -0.80],
            [-0.40, -0.74],
            [-0.80, -0.52],
            [-0.97, -0.2],
        ],
        "fringe": [
            [0.96, -0.05],
            [0.86, -0.44],
            [0.45, -0.52],
            [0.0, -0.54],
            [-0.45, -0.52],
            [-0.86, -0.44],
            [-0.96, -0.05],
        ],
        "short": [
            [0.97, -0.15],
            [0.84, -0.48],
            [0.50, -0.68],
            [0.0, -0.66],
            [-0.45, -0.76],
            [-0.84, -0.50],
            [-0.97, -0.15],
        ],
    }
    inner = np.array(lines.get(style, lines["bun"] if style in ("curly", "buzz") else lines["long"]))
    return outer, inner


def hair_behind(signer: Signer) -> np.ndarray | None:
    """Return the outline (n, 3) of what hangs or stands behind the head; None for short hair."""
    angle = np.linspace(0, np.pi, 15)
    if signer.hair_style == "bun":
        ring = 2 * angle
        return np.stack([0.40 * np.cos(ring), -1.20 + 0.30 * np.sin(ring), 0.4 + 0 * ring], axis=1)
    drop = {"long": 1.55, "bob": 0.78, "fringe": 0.62, "curly": 0.20}.get(signer.hair_style)
    if drop is None:
        return None
    wide = 1.26 if signer.hair_style == "curly" else 1.17
    arc = np.stack([-wide * np.cos(angle), -0.15 - 1.02 * np.sin(angle)], axis=1)
    ends = np.array(
        [[wide * 1.06, drop * 0.8], [wide * 0.8, drop], [-wide * 0.8, drop], [-wide * 1.06, drop * 0.8]]
    )
    outline = np.concatenate([arc, ends])
    return np.concatenate([outline, np.full((len(outline), 1), 0.25)], axis=1)
