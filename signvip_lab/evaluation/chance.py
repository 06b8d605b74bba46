"""Chance: how far a number moves with the clips that happened to be measured (a paired bootstrap over clips).

Clips are drawn with replacement, as many as there are, and the number is computed again from the sums over the clips
drawn. The draws depend on the number of clips alone, so that all rows and all runs are computed on the same draws: this
is what pairs them, and a difference has an interval of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

DRAWS, SEED, LEVEL = 1000, 0, 0.95
FEW = 10  # clips: percentile intervals of fewer are too narrow
ABOUT = {"method": "percentile, paired over clips", "level": LEVEL, "draws": DRAWS, "seed": SEED}

Score = Callable[[np.ndarray], Mapping[str, float]]
"""Sums over clips (k,) to the numbers of a metric."""
Interval = tuple[float, float]


def draw_clips(count: int) -> np.ndarray:
    """Count how often each of `count` clips is drawn in each draw: (DRAWS, count)."""
    return np.random.default_rng(SEED).multinomial(count, np.full(count, 1 / count), size=DRAWS)


def redraw(statistics: np.ndarray, score: Score) -> dict[str, np.ndarray]:
    """Compute a metric's numbers for each draw (DRAWS,) from its statistics of each clip (n, k)."""
    found = [score(sums) for sums in draw_clips(len(statistics)) @ statistics]
    return {name: np.array([numbers[name] for numbers in found]) for name in found[0]}


def interval(draws: np.ndarray) -> Interval | None:
    """Return the middle 95 % of draws; None where too few of them have a number (no clip drawn had a hand, say)."""
    draws = draws[np.isfinite(draws)]
    if len(draws) < LEVEL * DRAWS:
        return None
    low, high = np.percentile(draws, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def gain(value: np.ndarray, other: np.ndarray, higher_is_better: bool, target: float | None) -> np.ndarray:
    """Return by how much values are better than others: above 0 is better, whatever the metric's direction."""
    if target is not None:
        return np.abs(other - target) - np.abs(value - target)
    return value - other if higher_is_better else other - value


def better(found: Interval | None) -> bool | None:
    """Return True for a gain, False for a loss, and None where chance may have made it."""
    if found is None or found[0] <= 0 <= found[1]:
        return None
    return found[0] > 0
