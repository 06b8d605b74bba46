"""The signs of the two toy sign languages, read from `tsa.toml` and `tsb.toml`.

A sign is handshape, place, movement, one or two hands, and what the face does meanwhile.
"""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from signvip.contracts import Config

LANGUAGES = ("tsa", "tsb")
Vector = tuple[float, float, float]


class Language(Config):
    """A toy sign language: its private-use ISO 639-3 code, and the order of its glosses."""

    code: str
    name: str
    order: tuple[str, ...]


class Sign(Config):
    """One sign. Lengths are fractions of the shorter side of the picture, in canonical axes.

    `shape`, `point` (where the fingers look) and `palm` may give two values: the sign moves from the first to the
    second. `path` leads the wrist by `move`, `turns` times where it repeats.
    """

    slot: Literal["time", "place", "weather", "degree", "mood"]
    shape: tuple[str, ...]
    at: str
    point: tuple[str, ...] = ("up",)
    palm: tuple[str, ...] = ("out",)
    path: Literal["line", "arc", "circle", "repeat", "zigzag", "wiggle"] = "line"
    move: Vector = (0.0, 0.0, 0.0)
    turns: float = 1.0
    hands: Literal["one", "both", "alternate", "base"] = "one"
    base: str = "flat"
    base_at: str = "base"
    base_point: str = "across"
    base_palm: str = "up"
    mouth: tuple[float, float] = (0.3, 0.0)  # open, and round (positive) or wide (negative)
    brows: float = 0.0
    squint: float = 0.0
    tilt: float = 0.0
    seconds: float = 0.65


# The wrist's places: x away from the middle on the hand's own side, y from the top, z from the viewer.
class Places:
    """Places where a sign begins, for a signer of average build."""

    REST = (0.085, 0.83, -0.17)
    NEUTRAL = (0.13, 0.70, -0.28)
    CENTRE = (0.03, 0.70, -0.27)
    HIGH = (0.22, 0.50, -0.27)
    ABOVE = (0.27, 0.36, -0.20)
    TEMPLE = (0.20, 0.43, -0.21)
    FOREHEAD = (0.13, 0.37, -0.24)
    CHEEK = (0.18, 0.54, -0.22)
    CHIN = (0.07, 0.60, -0.25)
    SHOULDER = (0.26, 0.58, -0.20)
    CHEST = (0.07, 0.68, -0.20)
    SIDE = (0.36, 0.66, -0.20)
    WIDE = (0.33, 0.47, -0.20)
    LOW = (0.17, 0.86, -0.24)
    OPPOSITE = (-0.08, 0.64, -0.27)
    BASE = (0.14, 0.76, -0.24)
    BASEHIGH = (0.15, 0.68, -0.24)


def place(name: str) -> Vector:
    """Return the wrist position of a place by its lower-case name."""
    found: Vector = getattr(Places, name.upper())
    return found


@cache
def language(name: str) -> Language:
    """Return the facts about a toy sign language besides its signs."""
    return Language.model_validate(_table(name)["language"])


@cache
def lexicon(name: str) -> dict[str, Sign]:
    """Return all signs of a toy sign language by gloss."""
    return {gloss: Sign.model_validate(entry) for gloss, entry in _table(name)["signs"].items()}


def glosses(name: str, slot: str | None = None) -> list[str]:
    """Return the glosses of a language, or of one slot of its sentences."""
    return [gloss for gloss, sign in lexicon(name).items() if slot in (None, sign.slot)]


def _table(name: str) -> dict[str, dict[str, object]]:
    return tomllib.loads(files("signvip_toysign").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
