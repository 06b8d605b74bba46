"""Arms and hands as layers of shapes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from signvip_toysign.shapes import Layer, Shape, capsule, depth_of, flat, same, tinted
from signvip_toysign.signer import Colour, mix, shade
from signvip_toysign.skeleton import Skeleton

SHOULDER, ELBOW, WRIST = 0.053, 0.046, 0.033  # radii
CHAINS = ([2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20])
Pixels = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Lines:
    """The lines of limbs: the dark outline's width and its shade of the skin; radii in lengths of a hand."""

    edge: float
    edge_shade: float
    finger: float
    fingertip: float
    thumb: float
    palm: float


TOY = Lines(edge=0.0055, edge_shade=0.48, finger=0.062, fingertip=0.050, thumb=0.070, palm=0.075)


class Limbs:
    """Arms and hands of one clip. `pixels` takes scene coordinates to those of the canvas, `unit` is their scale."""

    def __init__(self, skeleton: Skeleton, pixels: Pixels, unit: float, lines: Lines = TOY) -> None:
        self.skeleton, self.pixels, self.unit, self.lines = skeleton, pixels, unit, lines
        signer = skeleton.signer
        self.frames = len(skeleton.face)
        self.palm_skin = mix(shade(signer.skin, 1.12), (236, 170, 150), 0.22)
        self.edge = shade(signer.skin, lines.edge_shade)
        self.cloth_edge = shade(signer.cloth, 0.62)

    def layers(self) -> list[Layer]:
        """Return all layers of both arms and hands."""
        found = []
        for side in range(2):
            found += [self._upper(side), self._lower(side), self._palm(side)]
            found += [self._finger(side, chain) for chain in CHAINS]
        return found

    def shadow(self) -> list[Shape]:
        """Return the shapes that keep light from the chest: forearms and hands, a little down and to the right."""
        shift = np.array([0.022, 0.03, 0.0])
        hands, found = self.skeleton.hands + shift, []
        for side in range(2):
            lines = [
                (self.skeleton.elbow[:, side] + shift, self.skeleton.wrist[:, side] + shift, (0.045, 0.035))
            ]
            joints = hands[:, side]
            lines += [(joints[:, 0], joints[:, 9], (0.03, 0.045))]
            lines += [(joints[:, chain[0]], joints[:, chain[-1]], (0.018, 0.014)) for chain in CHAINS]
            found += [Shape(self._bone(*line), same((255, 255, 255), self.frames)) for line in lines]
        return found

    def _upper(self, side: int) -> Layer:
        start, end = self.skeleton.shoulder[:, side], self.skeleton.elbow[:, side]
        return self._limb(start, end, (SHOULDER, ELBOW))

    def _lower(self, side: int) -> Layer:
        start, end = self.skeleton.elbow[:, side], self.skeleton.wrist[:, side]
        return self._limb(start, end, (ELBOW * 0.97, WRIST))

    def _limb(self, start: np.ndarray, end: np.ndarray, radii: tuple[float, float]) -> Layer:
        """Return a bone of skin, and the sleeve over as much of it as the signer wears."""
        signer = self.skeleton.signer
        covered = self._covered(radii)
        shapes = []
        if covered < 1:
            shapes += self._bar(start, end, radii, signer.skin, self.edge)
        if covered > 0:
            cuff = start + (end - start) * covered
            width = radii[0] + (radii[1] - radii[0]) * covered + 0.006
            shapes += self._bar(start, cuff, (radii[0] + 0.004, width), signer.cloth, self.cloth_edge)
        return Layer((start[:, 2] + end[:, 2]) / 2, shapes)

    def _covered(self, radii: tuple[float, float]) -> float:
        """Return the share of this bone that the sleeve covers: the upper arm is the first half of an arm."""
        first = 0.0 if radii[0] == SHOULDER else 0.5
        return float(np.clip((self.skeleton.signer.sleeve - first) / 0.5, 0, 1))

    def _bar(
        self, start: np.ndarray, end: np.ndarray, radii: tuple[float, float], colour: Colour, edge: Colour
    ) -> list[Shape]:
        """Return the outline, body in three pieces of depth, and the lit side."""
        wide = (radii[0] + self.lines.edge, radii[1] + self.lines.edge)
        shapes = [
            Shape(
                self._bone(start, end, wide), same(edge, self.frames), depth_of((start[:, 2] + end[:, 2]) / 2)
            )
        ]
        for piece in range(3):
            cut = [start + (end - start) * share for share in (piece / 3, (piece + 1) / 3)]
            size = (
                radii[0] + (radii[1] - radii[0]) * piece / 3,
                radii[0] + (radii[1] - radii[0]) * (piece + 1) / 3,
            )
            middle = (cut[0] + cut[1])[:, 2] / 2
            lit = 0.86 - 0.12 * middle
            shapes.append(
                Shape(self._bone(cut[0], cut[1], size), tinted(colour, lit), depth_of(middle - size[0]))
            )
        light = np.array([-0.010, -0.012, 0.0])
        thin = (radii[0] * 0.58, radii[1] * 0.58)
        shapes.append(
            Shape(self._bone(start + light, end + light, thin), tinted(colour, 1.0 - 0.10 * end[:, 2]))
        )
        return shapes

    def _palm(self, side: int) -> Layer:
        joints, length = self.skeleton.hands[:, side], self.skeleton.signer.hand
        facing = self.skeleton.palm[:, side, 2]
        colours = self._skin(facing, joints[:, 9, 2])
        z = joints[:, [0, 5, 17], 2].mean(axis=1)
        depth = depth_of(z - 0.01)
        spokes = [(0, 5), (0, 17), (5, 17), (0, 2)]
        palm, edge = self.lines.palm * length, self.lines.edge
        width = [(WRIST, palm), (WRIST, palm), (palm, palm), (WRIST, 0.07 * length)]
        bones = [(joints[:, one], joints[:, other]) for one, other in spokes]
        outlines = [
            Shape(self._bone(*bone, (w[0] + edge, w[1] + edge)), same(self.edge, self.frames), depth)
            for bone, w in zip(bones, width, strict=True)
        ]
        fills = [Shape(self._bone(*bone, w), colours, depth) for bone, w in zip(bones, width, strict=True)]
        fills.append(Shape(flat(self.pixels(joints[:, [0, 2, 5, 9, 13, 17]])), colours, depth))
        return Layer(z, outlines + fills)

    def _finger(self, side: int, chain: list[int]) -> Layer:
        """Outlines first, then the bones with the nearest last."""
        joints, length = self.skeleton.hands[:, side], self.skeleton.signer.hand
        lines = self.lines
        thick = lines.thumb if chain[0] == 2 else lines.finger
        radii = np.linspace(thick, thick * lines.fingertip / lines.finger, len(chain)) * length
        facing = self.skeleton.palm[:, side, 2]
        outlines, fills, depths = [], [], []
        for part, (one, other) in enumerate(itertools.pairwise(chain)):
            bone, size = (joints[:, one], joints[:, other]), (float(radii[part]), float(radii[part + 1]))
            z = (bone[0] + bone[1])[:, 2] / 2
            outlines.append(
                Shape(
                    self._bone(*bone, (size[0] + lines.edge, size[1] + lines.edge)),
                    same(self.edge, self.frames),
                    depth_of(z),
                )
            )
            fills.append(
                Shape(self._bone(*bone, size), self._bone_skin(facing, bone, length), depth_of(z - size[0]))
            )
            depths.append(z)
        count = len(fills)
        far_first = (np.argsort(-np.stack(depths, axis=1), axis=1, kind="stable") + count).tolist()
        order = [[*range(count), *row] for row in far_first]
        return Layer(np.mean(depths, axis=0) - 0.004, outlines + fills, order)

    def _bone_skin(
        self, facing: np.ndarray, bone: tuple[np.ndarray, np.ndarray], length: float
    ) -> list[Colour]:
        """Darken bones that point at the viewer or lie deeper, so that a fist shows its fingers."""
        way = bone[1] - bone[0]
        flatness = np.hypot(way[:, 0], way[:, 1]) / np.maximum(np.linalg.norm(way, axis=1), 1e-6)
        return self._skin(facing, bone[1][:, 2], 0.84 + 0.18 * flatness)

    def _skin(self, facing: np.ndarray, z: np.ndarray, factor: np.ndarray | float = 1.0) -> list[Colour]:
        """Skin (F,) by where the palm looks (its z: -1 at the viewer) and how near it is."""
        front = np.clip(0.5 - 0.9 * facing, 0, 1)[:, None]
        base = np.array(self.skeleton.signer.skin) * (1 - front) + np.array(self.palm_skin) * front
        lit = (0.98 - 0.30 * (z + 0.25)) * factor
        rows = np.clip(np.rint(base * lit[:, None]), 0, 255).astype(int).tolist()
        return [(red, green, blue) for red, green, blue in rows]

    def _bone(self, start: np.ndarray, end: np.ndarray, radii: tuple[float, float]) -> list[list[float]]:
        size = (radii[0] * self.unit, radii[1] * self.unit)
        return flat(capsule(self.pixels(start), self.pixels(end), size))
