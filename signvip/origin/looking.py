"""Where to look for the mark: in the whole frame, where a sidecar says that a signer is, else in the usual corners.

Each look gives chance one more try, so that the probability of a reading is multiplied by the number of looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from signvip.data.decoding import opened
from signvip.origin.canvas import Canvas, Inset, of_insets, scenes
from signvip.origin.detection import Mark, detect

MARGIN = 0.02  # of a film's height, between an inset and the edges
# Of a film's height. A reading may lack a quarter of the mark's height and width, so that these meet all in between.
_HEIGHTS = (0.6, 0.48, 0.38, 0.3, 0.24, 0.19, 0.15)
_SHAPES = (1.0, 0.8)  # width of a signer's picture in its heights


def look(path: Path, canvas: Canvas, told: Inset | None) -> Mark | None:
    """Return the likeliest reading: of the canvas of whole frames, else of the inset that is told, else of corners."""
    whole = detect(canvas)
    if whole is not None and whole.found:
        return whole
    places = [told] if told is not None else corners(path)
    found = [mark for parts in of_insets(path, places) if (mark := _read(parts)) is not None]
    if whole is not None:
        found.append(whole)
    best = min(found, key=lambda mark: mark.chance, default=None)
    return None if best is None else replace(best, chance=min(1.0, best.chance * (1 + len(places))))


def _read(parts: Sequence[Canvas]) -> Mark | None:
    return detect(*(scene for part in parts for scene in scenes(part)))


def corners(path: Path) -> list[Inset]:
    """Return where an inset may be in a film that says nothing of it."""
    with opened(path) as (_, stream):
        aspect = stream.width / max(stream.height, 1)
    down, across = MARGIN, MARGIN / aspect
    return [
        Inset(left, top, shape * height / aspect, height)
        for height in _HEIGHTS
        for shape in _SHAPES
        if shape * height < aspect * (1 - across)
        for left in (across, 1 - across - shape * height / aspect)
        for top in (down, 1 - down - height)
    ]


def inset_of(sidecar: Mapping[str, Any] | None) -> Inset | None:
    """Return the inset that the sidecar of a signed film tells of; None where it tells of none."""
    try:
        told: Mapping[str, float] = _PLACE.validate_python((sidecar or {}).get("inset"))
        times = _TIMES.validate_python([one["shown"] for one in (sidecar or {}).get("signed", ())])
    except (ValidationError, KeyError, TypeError):
        return None
    edges = (told.get("left", -1.0), told.get("top", -1.0), told.get("width", -1.0), told.get("height", -1.0))
    if not all(0 <= edge <= 1 for edge in edges):
        return None
    return Inset(*edges, shown=tuple(times))


_PLACE = TypeAdapter(dict[str, float])
_TIMES: TypeAdapter[Sequence[tuple[float, float]]] = TypeAdapter(list[tuple[float, float]])
