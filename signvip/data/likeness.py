"""Measure how much a picture resembles the references of a run's training, for where nothing detects people.

A picture is described by where its colours lie (8x8) and by how strong its edges are (4x4, and overall at three
scales). Its distance is the largest of three, each in units of what is usual between signers: along the colours'
first directions, away from them, and that of its edges. It tells walls, landscapes, noise and pages from signers, and
knows no person: a portrait in front of a background of another kind counts as unlike, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

FEWEST = 48  # clips; of fewer nothing can be said
_SIDE, _CELLS, _EDGE_CELLS = 64, 8, 4
_DIRECTIONS, _FOLDS = 12, 4
_RIDGE = 0.5  # share of the mean variance that is added to the edges': there are few signers
_QUANTILE, _MARGIN = 0.99, 1.5  # of the distances of signers who were left out, and what is beyond it allowed


@dataclass(frozen=True)
class Likeness:
    """The usual range of the references of a training."""

    colours: np.ndarray  # (192,) their mean
    directions: np.ndarray  # (12, 192), each over its deviation
    rest: float  # variance of what these leave
    edges: np.ndarray  # (22,) their mean
    precision: np.ndarray  # (22, 22)
    usual: np.ndarray  # (3,) distances of who was left out, in the middle
    limit: float  # in units of these

    @classmethod
    def measure(cls, pictures: Sequence[np.ndarray], groups: Sequence[str]) -> Likeness:
        """Learn from pictures (H, W, 3) uint8; those of one group (a signer) are left out together."""
        colours, edges = _described(pictures)
        names = {name: number % _FOLDS for number, name in enumerate(dict.fromkeys(groups))}
        folds = np.array([names[name] for name in groups])
        left_out = [
            cls._fit(colours[folds != fold], edges[folds != fold])._parts(
                colours[folds == fold], edges[folds == fold]
            )
            for fold in range(_FOLDS)
        ]
        parts = np.concatenate(left_out)
        usual = np.median(parts, axis=0)
        found = cls._fit(colours, edges)
        limit = float(np.quantile((parts / usual).max(1), _QUANTILE)) * _MARGIN
        return cls(found.colours, found.directions, found.rest, found.edges, found.precision, usual, limit)

    @classmethod
    def _fit(cls, colours: np.ndarray, edges: np.ndarray) -> Likeness:
        mean, centre = colours.mean(0), edges.mean(0)
        _, lengths, directions = np.linalg.svd(colours - mean, full_matrices=False)
        kept = directions[:_DIRECTIONS]
        left = (colours - mean) - (colours - mean) @ kept.T @ kept
        spread = np.cov(edges.T)
        spread += _RIDGE * np.trace(spread) / len(spread) * np.eye(len(spread))
        deviations = np.maximum(lengths[:_DIRECTIONS, None] / len(colours) ** 0.5, 1e-4)
        rest = max(float((left**2).mean()), 1e-8)
        return cls(mean, kept / deviations, rest, centre, np.linalg.inv(spread), np.ones(3), 1.0)

    def distance(self, picture: np.ndarray) -> float:
        """Return how far a picture (H, W, 3) uint8 is from the usual; above 1 it is like none of the references."""
        colours, edges = _described([picture])
        return float((self._parts(colours, edges) / self.usual).max() / self.limit)

    def _parts(self, colours: np.ndarray, edges: np.ndarray) -> np.ndarray:  # (n, 192), (n, 22) -> (n, 3)
        offset = colours - self.colours
        along = offset @ self.directions.T
        scales = np.linalg.norm(self.directions, axis=1)
        left = offset - (along / scales) @ (self.directions / scales[:, None])
        away = edges - self.edges
        of_edges = np.einsum("ni,ij,nj->n", away, self.precision, away) / edges.shape[1]
        return np.stack([(along**2).mean(1), (left**2).mean(1) / self.rest, of_edges], 1)

    def as_json(self) -> dict[str, str]:
        """Return the same as numbers of four digits, in lines: a configuration holds it."""
        return {
            name: " ".join(f"{number:.4g}" for number in np.ravel(value))
            for name, value in vars(self).items()
        }

    @classmethod
    def from_json(cls, values: Any) -> Likeness | None:
        """Read `as_json`; None for what it cannot have written."""
        shapes = {"colours": (3 * _CELLS**2,), "rest": (), "usual": (3,), "limit": ()}
        shapes |= {
            "directions": (_DIRECTIONS, 3 * _CELLS**2),
            "edges": (_EDGES,),
            "precision": (_EDGES, _EDGES),
        }
        try:
            arrays: dict[str, Any] = {
                name: np.array(values[name].split(), np.float64).reshape(shape)
                for name, shape in shapes.items()
            }
        except (TypeError, AttributeError, KeyError, ValueError):
            return None
        if not all(np.isfinite(array).all() for array in arrays.values()):
            return None
        return cls(**arrays)


_EDGES = _EDGE_CELLS**2 + 6


def _described(pictures: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Colours (n, 192) in cells, and logarithms (n, 22) of edges in cells and at three scales."""
    small = [Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BOX) for picture in pictures]
    values = np.stack([np.asarray(picture, np.float64) / 255 for picture in small])
    grey = values.mean(-1)
    down, across = (np.abs(np.diff(grey, axis=axis)) for axis in (1, 2))
    both = np.pad(down, ((0, 0), (0, 1), (0, 0))) + np.pad(across, ((0, 0), (0, 0), (0, 1)))
    scales = [_cells(grey, _SIDE // step) for step in (1, 2, 4)]
    overall = [np.abs(np.diff(scale, axis=axis)).mean((1, 2)) for scale in scales for axis in (1, 2)]
    edges = [
        np.log(_cells(both, _EDGE_CELLS).reshape(len(grey), -1) + 2e-3),
        np.log(np.stack(overall, 1) + 1e-3),
    ]
    return _cells(values, _CELLS).reshape(len(grey), -1), np.concatenate(edges, axis=1)


def _cells(values: np.ndarray, count: int) -> np.ndarray:  # (n, 64, 64, ...) -> (n, count, count, ...)
    size = _SIDE // count
    return values.reshape(len(values), count, size, count, size, *values.shape[3:]).mean((2, 4))
