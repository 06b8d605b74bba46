"""The input of metrics: pairs of sets, by what metrics take, for one row of the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, overload


class Lazy(Sequence[Any]):
    """A sequence whose items are made when they are asked for: bytes take a quarter of the memory of floats."""

    def __init__(self, count: int, make: Callable[[int], Any]) -> None:
        self._count, self._make = count, make

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self._make(place) for place in range(*index.indices(self._count))]
        if not -self._count <= index < self._count:
            raise IndexError(index)
        return self._make(index % self._count)


@dataclass(frozen=True)
class Pair:
    """Two sets that a metric compares: generated and true, item by item."""

    generated: Sequence[Any]
    truth: Sequence[Any]


@dataclass
class Material:
    """The material of one row, by what metrics take; and a sentence for what it lacks.

    `texts` has a pair for each back-translator, by what it reads; `aligned` the frames that count, for metrics that
    compare frame by frame.
    """

    pairs: dict[str, Pair] = field(default_factory=dict)
    aligned: dict[str, Pair] = field(default_factory=dict)
    texts: dict[str, Pair] = field(default_factory=dict)
    lacks: dict[str, str] = field(default_factory=dict)
    lacks_aligned: str | None = None

    def sets(self, takes: str, aligned: bool = False) -> dict[str, Pair]:
        """Return the pairs that a metric is computed on, by back-translator, or under an empty name."""
        if takes == "texts":
            return self.texts
        pairs = self.aligned if aligned else self.pairs
        return {"": pairs[takes]} if takes in pairs else {}

    def lack(self, takes: str, aligned: bool = False) -> str | None:
        """Say why there is nothing to compute a metric on; None where this row needs no mention."""
        return (self.lacks_aligned if aligned else None) or self.lacks.get(takes)
