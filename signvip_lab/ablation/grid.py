"""A grid and its cells: every combination of the axes, each a whole configuration."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from signvip.config import RunConfig, parse_config
from signvip.errors import ConfigError
from signvip_lab.ablation.axes import SEED, Axis


@dataclass(frozen=True)
class Cell:
    """One combination: its value on each axis, and the configuration that this makes."""

    labels: dict[str, Any]
    config: RunConfig

    @property
    def name(self) -> str:
        """`quantizer=fsq codebook=128 seed=0`."""
        return " ".join(f"{axis}={label}" for axis, label in self.labels.items()) or "as it is"

    @property
    def group(self) -> dict[str, Any]:
        """The labels that cells of other seeds share."""
        return {axis: label for axis, label in self.labels.items() if axis != SEED}


def make_cells(base: RunConfig, axes: Sequence[Axis]) -> list[Cell]:
    """Return all cells, the last axis fastest; ConfigError for what no configuration can have, or an axis twice."""
    refuse_twice(axes)
    cells = []
    order = sorted(axes, key=lambda axis: axis.rank)
    for points in itertools.product(*(axis.points for axis in axes)):
        chosen = dict(zip((axis.name for axis in axes), points, strict=True))
        values = base.model_dump(mode="json")
        for axis in order:
            values = axis.apply(values, chosen[axis.name])
        labels = {axis: point.label for axis, point in chosen.items()}
        cells.append(Cell(labels, parse_config(values)))
    return cells


def guided_by_tokens(cell: Cell) -> Cell:
    """Return a cell whose pictures are guided by what tokens decode to (Eq. 4)."""
    sampler = cell.config.sampler.model_copy(update={"guided_by": "tokens"})
    return replace(cell, config=cell.config.model_copy(update={"sampler": sampler}))


def refuse_twice(axes: Sequence[Axis]) -> None:
    """Raise ConfigError where two axes vary the same: only the values of one would be tried."""
    keys = [axis.key for axis in axes]
    for axis in axes:
        if keys.count(axis.key) > 1:
            raise ConfigError(
                f"{axis.key} is varied twice; give all its values at once: --vary {axis.name}=V1,V2."
            )


def replaced(axes: Sequence[Axis], others: Sequence[Axis]) -> tuple[Axis, ...]:
    """Return a study's axes where `others` take the place of those that vary the same, and add the rest."""
    refuse_twice(others)
    given = {axis.key: axis for axis in others}
    kept = [given.pop(axis.key, axis) for axis in axes]
    return (*kept, *given.values())
