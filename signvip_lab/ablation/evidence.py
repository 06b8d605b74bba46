"""Evidence against chance in a difference between cells: by five seeds, or, with fewer, by the clips.

Intervals over clips speak of the trainings that were compared: another seed may train otherwise. Five seeds speak of
the method.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from signvip.errors import SignVipError
from signvip.registry import build
from signvip_lab.ablation.records import Record
from signvip_lab.evaluation import chance
from signvip_lab.evaluation.results import Value

ENOUGH = 5  # seeds


@dataclass(frozen=True)
class Evidence:
    """The interval of a gain (above 0 is better), and what it is over; None where there is none."""

    interval: chance.Interval | None
    over: str

    @property
    def better(self) -> bool | None:
        """Return True for better, False for worse, and None where chance may have made the difference."""
        return chance.better(self.interval)

    def __str__(self) -> str:
        if self.interval is None:
            return self.over
        return f"gain {self.interval[0]:.3g}..{self.interval[1]:.3g} {self.over}"


def weigh(first: Sequence[tuple[Record, Value]], second: Sequence[tuple[Record, Value]]) -> Evidence:
    """Weigh the values of some cells against those of others; each cell has a seed of its own."""
    sample, seeds = first[0][1], min(len(first), len(second))
    if seeds >= ENOUGH:
        return Evidence(_over_seeds(_values(first), _values(second), sample), f"over {seeds} seeds")
    word = "one seed" if seeds == 1 else f"{seeds} seeds"
    a, b = _mean_draws(first), _mean_draws(second)
    if a is None or b is None or _clips(first) != _clips(second):
        return Evidence(None, f"{word}, no interval")
    found = chance.interval(chance.gain(a, b, sample.higher_is_better, sample.target))
    return Evidence(found, f"over {len(sample.clips)} clips, {word}")


def draws_of(record: Record, value: Value) -> np.ndarray | None:
    """Return a value per draw of clips (DRAWS,): from what was read, or the clips' numbers if it is their mean."""
    if value.takes == "texts":
        return _read_again(record, value)
    own = [number for number in value.clips if number is not None]
    if len(value.clips) < 2 or not own or not math.isclose(np.mean(own), value.value, rel_tol=1e-4):
        return None
    rows = np.array([(0.0, 0.0) if number is None else (number, 1.0) for number in value.clips])
    totals, counts = (chance.draw_clips(len(rows)) @ rows).T
    return np.divide(totals, counts, out=np.full_like(totals, np.nan), where=counts > 0)


def _read_again(record: Record, value: Value) -> np.ndarray | None:
    texts = record.texts.get(value.row, {}).get(value.evaluator, [])
    if len(texts) < 2 or len(texts) != len(record.sentences):
        return None
    try:
        metric = build("metric", value.metric)
        statistics = np.asarray(metric.statistics(texts, record.sentences))
        return chance.redraw(statistics, metric.score).get(value.name)
    except (AttributeError, SignVipError):  # it is not made of sums, or of a plugin that is gone
        return None


def _mean_draws(cells: Sequence[tuple[Record, Value]]) -> np.ndarray | None:
    found = [draws_of(record, value) for record, value in cells]
    drawn = [draws for draws in found if draws is not None]
    return np.mean(drawn, axis=0) if drawn and len(drawn) == len(found) else None


def _clips(cells: Sequence[tuple[Record, Value]]) -> set[tuple[str, int]]:
    """Return the datasets and numbers of clips that cells were measured on: one, where they can be paired."""
    return {(str(record.shards.get("corpus")), len(value.clips)) for record, value in cells}


def _values(cells: Sequence[tuple[Record, Value]]) -> np.ndarray:
    return np.array([value.value for _, value in cells])


def _over_seeds(first: np.ndarray, second: np.ndarray, sample: Value) -> chance.Interval | None:
    """Welch's interval of the mean gain; seeds of two arms are not paired, for they train other networks."""
    zero = np.zeros(1)
    first, second = (
        chance.gain(values, zero, sample.higher_is_better, sample.target) for values in (first, second)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of seeds that agree: there is no number then
        found = stats.ttest_ind(first, second, equal_var=False).confidence_interval(chance.LEVEL)
    return (float(found.low), float(found.high)) if math.isfinite(found.low) else None
