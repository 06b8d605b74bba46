"""Intervals over clips: their coverage, their pairing, and which differences are claimed."""

from __future__ import annotations

import numpy as np
import pytest

import signvip
from signvip.measures import MeanOfClips
from signvip_lab.evaluation import chance
from signvip_lab.evaluation.results import Evaluation, Value


class Plain(MeanOfClips):
    """A clip that is its own number."""

    key = "plain"

    def of_clips(self, generated, truth):
        return list(generated)


def mean(sums):
    return Plain(None).score(sums)


def statistics(values):
    return np.array([(0.0, 0.0) if value is None else (value, 1.0) for value in values])


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution():
    values = np.random.default_rng(1).normal(5, 2, 400)
    low, high = chance.interval(chance.redraw(statistics(values), mean)["plain"])
    half = 1.96 * values.std() / 20
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.04)


def test_about_ninety_five_of_a_hundred_intervals_hold_the_truth():
    draw = np.random.default_rng(0)
    found = [
        chance.interval(chance.redraw(statistics(draw.normal(0, 1, 60)), mean)["plain"]) for _ in range(100)
    ]
    assert 88 <= sum(low <= 0 <= high for low, high in found) <= 99


def test_clips_without_a_number_are_left_out_and_draws_without_any_are_no_number():
    draws = chance.redraw(statistics([None, 2.0, 4.0, *[None] * 20]), mean)["plain"]
    assert np.nanmin(draws) == 2 and np.nanmax(draws) == 4 and np.isnan(draws).any()
    assert chance.interval(draws) is None  # too many draws have neither of the two


def test_draws_are_repeated_and_the_same_for_all_numbers_of_so_many_clips():
    assert (chance.draw_clips(7) == chance.draw_clips(7)).all() and (
        chance.draw_clips(7).sum(axis=1) == 7
    ).all()
    values = np.random.default_rng(2).normal(0, 10, 30)  # clips differ far more than the two rows do
    first, second = (chance.redraw(statistics(v), mean)["plain"] for v in (values + 0.1, values))
    low, high = chance.interval(chance.gain(first, second, True, None))
    assert (low, high) == pytest.approx((0.1, 0.1)) and chance.better((low, high))
    assert chance.interval(first)[1] - chance.interval(first)[0] > 5


def test_a_gain_follows_the_direction_of_its_metric():
    two, three = np.array(2.0), np.array(3.0)
    assert chance.gain(three, two, True, None) == 1 and chance.gain(three, two, False, None) == -1
    assert chance.gain(three, two, False, 2.9) == pytest.approx(0.8)
    assert chance.better((-1.0, -0.5)) is False and chance.better((-1.0, 0.5)) is None
    assert chance.better(None) is None


def test_corpus_bleu_is_computed_again_from_the_clips_drawn():
    bleu = signvip.build("metric", "bleu")
    truth = ["rain in the north today", "snow in the south", "wind and sun in the west tomorrow"]
    made = ["rain in the north", "sun in the south", "wind and rain in the west tomorrow"]
    drawn = chance.redraw(bleu.statistics(made, truth), bleu.score)["bleu1"]
    for counts, value in list(zip(chance.draw_clips(3), drawn, strict=True))[:20]:
        picks = np.repeat(range(3), counts)
        assert value == pytest.approx(bleu([made[i] for i in picks], [truth[i] for i in picks])["bleu1"])


def test_rows_are_compared_with_a_still_and_not_with_the_truth():
    rows = ("ground truth", "from true conditions", "the reference, unchanged")
    evaluation = Evaluation({"rows": list(rows)})
    for row, values in zip(rows, ([1, 1, 1], [0.5, 0.6, 0.7], [0.2, 0.3, 0.4]), strict=True):
        value = Value(row, "m", "m", float(np.mean(values)), 3, "", True, None, "videos", clips=values)
        evaluation.add(value, chance.redraw(statistics(values), mean)["plain"])
    (found,) = evaluation.differences(rows[-1])
    assert found.row == rows[1] and found.gain == pytest.approx(0.3) and found.better
    assert found.interval == pytest.approx((0.3, 0.3))
