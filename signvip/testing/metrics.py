"""Conformance of a metric: finite numbers, and the truth is at least as good as anything else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from signvip.testing.building import configure, require

TRUTH = (
    "tomorrow it will rain in the north",
    "on monday it stays dry and mild",
    "wind from the west at night",
)
OTHER = ("a dog", "seven ships", "nothing")


def check_metric(
    cls: type, generated: Sequence[Any] | None = None, truth: Sequence[Any] | None = None, **options: Any
) -> None:
    """Raise AssertionError with a sentence where a metric breaks its contract.

    Without `generated` and `truth` it is given small videos, or sentences where the class says
    `takes = "texts"`.
    """
    name = cls.__name__
    metric: Any = cls(configure(cls, options))
    better = getattr(metric, "higher_is_better", None)
    require(isinstance(better, bool), f"{name}.higher_is_better must be True or False, not {better!r}.")
    texts = getattr(cls, "takes", "videos") == "texts"
    truth = truth if truth is not None else (TRUTH if texts else _videos(0))
    generated = generated if generated is not None else (OTHER if texts else _videos(1))
    perfect, other = metric(truth, truth), metric(generated, truth)
    for values in (perfect, other):
        require(isinstance(values, dict) and values, f"{name} must return a dict of numbers.")
        for key, value in values.items():
            require(
                isinstance(key, str) and math.isfinite(value), f"{name}: '{key}' is {value}, not a number."
            )
    require(perfect.keys() == other.keys(), f"{name} must return the same keys each time.")
    for key in perfect:
        ahead = perfect[key] >= other[key] if better else perfect[key] <= other[key]
        require(
            ahead,
            f"{name}: '{key}' is better for other input ({other[key]}) than for the truth ({perfect[key]}).",
        )
    require(metric(generated, truth) == other, f"{name} must repeat.")


def _videos(seed: int) -> list[Any]:
    """Four videos of eight smooth frames (8, 32, 32, 3) in [0, 1]."""
    import numpy as np

    draw = np.random.default_rng(seed)
    corners = draw.uniform(0, 1, (4, 8, 4, 4, 3)).repeat(8, axis=2).repeat(8, axis=3)
    return list(corners.astype(np.float32))
