"""Hand joints as shaded pieces to paint: 20 tapered capsules and a palm of five triangles a hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from signvip_conditions.canvas import supersampling
from signvip_conditions.skeleton import HAND_BONES

Tint = tuple[int, int, int]
Flat = list[float]  # x0, y0, x1, y1, ... in pixels of the canvas

_BONES = np.array(HAND_BONES)
_PALM = np.array([(0, 1, 5), (1, 2, 5), (0, 5, 9), (0, 9, 13), (0, 13, 17)])
_TAPER = np.array(
    [1.15, 1.2, 1.05, 0.9, 0.75, *4 * [1.0, 0.9, 0.8, 0.65]], np.float32
)  # radius at each joint
_CORE = 0.55  # share of a capsule's width that is lit fully; its rim turns away from the light
_RIM = 0.62
_REACH = 0.45  # hands move this far before and behind the body, in frame widths


@dataclass(frozen=True)
class Solids:
    """Pieces by frame, both hands together; `order` lists those that are seen, the farthest first."""

    order: list[list[int]]
    outlines: list[list[Flat]]
    cores: list[list[Flat]]
    caps: list[list[Flat]]
    rims: list[list[Tint]]
    lit: list[list[Tint]]
    capped: frozenset[int]  # the capsules; the other pieces are flat


def hand_solids(
    hands: np.ndarray, size: tuple[int, int], tints: np.ndarray, radius: float, confidence: float
) -> Solids:
    """Return the pieces of hands (F, 2, 21, 4), tints (2, 3) of left and right, radius in palm lengths."""
    height, width = size
    scale = np.array([width, height, width], np.float32) * supersampling(size)
    joints = hands[..., :3].astype(np.float32) * scale  # (F, 2, 21, 3)
    start, end = joints[:, :, _BONES[:, 0]], joints[:, :, _BONES[:, 1]]  # (F, 2, 20, 3)
    palm = joints[:, :, _PALM]  # (F, 2, 5, 3, 3)
    thick = _radii(joints, radius, supersampling(size))
    r0, r1 = thick[..., _BONES[:, 0]], thick[..., _BONES[:, 1]]

    z = np.concatenate([(start[..., 2] + end[..., 2]) / 2, palm[..., 2].mean(-1)], axis=-1)
    lambert = np.concatenate([_across(end - start), facing(palm)], axis=-1)
    lit = tints[:, None] * (brightness(lambert, z / scale[2]))[..., None]  # (F, 2, 25, 3)
    seen = hands[..., 3] >= confidence
    drawn = np.concatenate([seen[:, :, _BONES].all(-1), seen[:, :, _PALM].all(-1)], axis=-1)

    flat_palm = palm[..., [0, 1, 2, 2], :2].reshape(*palm.shape[:3], 8)
    outlines = np.concatenate([_quad(start, end, r0, r1), flat_palm], axis=2)
    bones, pieces = len(_BONES), z.shape[-1]
    return Solids(
        order=_order(_flat(z), _flat(drawn)),
        outlines=_flat(outlines).tolist(),
        cores=_flat(_padded(_quad(start, end, r0 * _CORE, r1 * _CORE), pieces)).tolist(),
        caps=_flat(_padded(_box(end, r1), pieces)).tolist(),
        rims=whole_tints(_flat(lit * np.where(np.arange(pieces) < bones, _RIM, 0.8)[:, None])),
        lit=whole_tints(_flat(lit)),
        capped=frozenset(hand * pieces + bone for hand in range(2) for bone in range(bones)),
    )


def _radii(joints: np.ndarray, radius: float, factor: int) -> np.ndarray:
    """Return the radius at each joint (F, 2, 21), at least half a pixel of the final picture."""
    palm = np.linalg.norm(joints[:, :, 9] - joints[:, :, 0], axis=-1)
    across = np.linalg.norm(joints[:, :, 5] - joints[:, :, 17], axis=-1)  # where the palm is foreshortened
    return np.maximum(np.maximum(palm, 1.4 * across)[..., None] * radius * _TAPER, 0.5 * factor)


def _across(bones: np.ndarray) -> np.ndarray:
    """Return the share of the camera's light that the brightest line of a capsule reflects, (...,)."""
    length = np.linalg.norm(bones, axis=-1) + 1e-6
    return np.linalg.norm(bones[..., :2], axis=-1) / length


def facing(triangles: np.ndarray) -> np.ndarray:
    """Return the share of the camera's light that a triangle (..., 3, 3) reflects."""
    normal = np.cross(
        triangles[..., 1, :] - triangles[..., 0, :], triangles[..., 2, :] - triangles[..., 0, :]
    )
    return np.abs(normal[..., 2]) / (np.linalg.norm(normal, axis=-1) + 1e-6)


def brightness(lambert: np.ndarray, z: np.ndarray) -> np.ndarray:
    near = np.clip((_REACH - z) / (2 * _REACH), 0, 1)
    return (0.3 + 0.7 * lambert) * (0.55 + 0.45 * near)


def _quad(start: np.ndarray, end: np.ndarray, r0: np.ndarray, r1: np.ndarray) -> np.ndarray:
    """Return the sides of a tapered capsule in the picture: (..., 8), four points."""
    along = (end - start)[..., :2]
    normal = np.stack([-along[..., 1], along[..., 0]], -1) / (
        np.linalg.norm(along, axis=-1)[..., None] + 1e-6
    )
    a, b = start[..., :2], end[..., :2]
    n0, n1 = normal * r0[..., None], normal * r1[..., None]
    return np.concatenate([a + n0, b + n1, b - n1, a - n0], axis=-1)


def _box(centre: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Return the box around a ball: (..., 4)."""
    xy, r = centre[..., :2], radius[..., None]
    return np.concatenate([xy - r, xy + r], axis=-1)


def _padded(rows: np.ndarray, pieces: int) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, 0), (0, pieces - rows.shape[2]), (0, 0)))


def _flat(rows: np.ndarray) -> np.ndarray:
    """Return both hands in one list of pieces: (F, 2, P, ...) -> (F, 2P, ...)."""
    return rows.reshape(len(rows), 2 * rows.shape[2], *rows.shape[3:])


def _order(z: np.ndarray, drawn: np.ndarray) -> list[list[int]]:
    order = np.argsort(-z, axis=-1, kind="stable")
    return [[piece for piece in row if seen[piece]] for row, seen in zip(order.tolist(), drawn, strict=True)]


def whole_tints(colours: np.ndarray) -> list[list[Tint]]:
    whole = np.clip(colours.round(), 0, 255).astype(int).tolist()
    return [[(red, green, blue) for red, green, blue in row] for row in whole]
