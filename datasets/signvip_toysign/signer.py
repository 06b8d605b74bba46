"""The looks of a signer: build, colours, hair, clothes and background, all drawn from the signer's seed."""

from __future__ import annotations

import colorsys
import hashlib
from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
HAIR_STYLES = ("short", "long", "bob", "bun", "curly", "buzz", "fringe")
NECKLINES = ("round", "vee", "collar", "high")
BACKGROUNDS = ("plain", "gradient", "panel", "split")
# Skin from dark to light; a signer's lies anywhere between two neighbours.
SKINS = np.array(
    [
        [78, 48, 34],
        [112, 71, 48],
        [147, 96, 66],
        [178, 124, 90],
        [206, 155, 118],
        [228, 184, 150],
        [242, 208, 182],
    ]
)
HAIRS = np.array(
    [[26, 22, 22], [52, 34, 26], [92, 58, 34], [146, 96, 48], [204, 164, 98], [150, 62, 34], [164, 164, 168]]
)


@dataclass(frozen=True)
class Signer:
    """One person. Lengths are fractions of the shorter side of the picture; `sleeve` 1 reaches the wrist."""

    id: str
    shoulder: float
    arm: float
    head: float
    face: float
    hand: float
    skin: Colour
    hair: Colour
    cloth: Colour
    trim: Colour
    wall: tuple[Colour, Colour]
    iris: Colour
    hair_style: str
    neckline: str
    background: str
    sleeve: float
    beard: float
    glasses: float


def generator(*parts: object) -> np.random.Generator:
    """Return a random generator that depends on nothing but its parts, in any process and order."""
    digest = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


def make_signer(seed: int, signer_id: str) -> Signer:
    """Draw a signer: the same for the same seed and id."""
    rng = generator(seed, "signer", signer_id)
    skin = _between(SKINS, rng)
    cloth = _far_from(rng, [skin], saturation=(0.25, 0.85), value=(0.18, 0.85))
    wall = _far_from(rng, [skin, cloth], saturation=(0.04, 0.45), value=(0.42, 0.95))
    hair = _between(HAIRS[: 4 if sum(skin) < 420 else len(HAIRS)], rng)  # dark skin with dark hair
    style = str(rng.choice(HAIR_STYLES))
    return Signer(
        id=signer_id,
        shoulder=float(rng.uniform(0.158, 0.192)),
        arm=float(rng.uniform(0.96, 1.05)),
        head=float(rng.uniform(0.93, 1.06)),
        face=float(rng.uniform(0.92, 1.07)),
        hand=float(rng.uniform(0.225, 0.248)),
        skin=skin,
        hair=hair,
        cloth=cloth,
        trim=shade(cloth, float(rng.choice([0.6, 1.45]))),
        wall=(wall, shade(wall, float(rng.choice([0.72, 0.84, 1.18])))),
        iris=_between(np.array([[52, 34, 24], [86, 58, 36], [64, 96, 74], [66, 96, 132]]), rng),
        hair_style=style,
        neckline=str(rng.choice(NECKLINES)),
        background=str(rng.choice(BACKGROUNDS)),
        sleeve=float(rng.choice([0.22, 0.45, 0.9, 0.9])),
        beard=float(rng.uniform(0.35, 0.8))
        if style in ("short", "buzz", "curly") and rng.random() < 0.4
        else 0.0,
        glasses=float(rng.random() < 0.22),
    )


def shade(colour: Colour, factor: float) -> Colour:
    """Return a darker (below 1) or lighter (above 1) colour; lighter ones move towards white."""
    values = np.array(colour, float)
    mixed = values * factor if factor <= 1 else values + (255 - values) * (factor - 1)
    return _colour(mixed)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`one` with a share of `other`."""
    return _colour(np.array(one) * (1 - share) + np.array(other) * share)


def _colour(values: np.ndarray) -> Colour:
    red, green, blue = (int(value) for value in np.clip(np.rint(values), 0, 255))
    return red, green, blue


def _between(palette: np.ndarray, rng: np.random.Generator) -> Colour:
    at = rng.uniform(0, len(palette) - 1)
    low = int(at)
    return _colour(palette[low] + (palette[low + 1] - palette[low]) * (at - low) + rng.normal(0, 3, 3))


def _far_from(
    rng: np.random.Generator,
    others: list[Colour],
    saturation: tuple[float, float],
    value: tuple[float, float],
) -> Colour:
    """Return a random colour that the others stand out from: the best of a few, so that it always ends."""
    tries = []
    for _ in range(12):
        found = colorsys.hsv_to_rgb(rng.random(), rng.uniform(*saturation), rng.uniform(*value))
        colour = _colour(np.array(found) * 255)
        gap = min(float(np.linalg.norm((np.array(colour) - other) * [0.8, 1.2, 0.6])) for other in others)
        tries.append((gap, colour))
        if gap > 85:
            return colour
    return max(tries)[1]
