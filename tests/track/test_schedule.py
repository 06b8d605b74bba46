"""When clips are shown: in order, never two at once, within limits, and every one is told that is not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signvip_track.schedule import schedule
from signvip_track.subtitles import Cue


def cues(*times):
    return [
        Cue(number, number, start, end, f"cue {number}") for number, (start, end) in enumerate(times, start=1)
    ]


def placed(times, lengths, **options):
    found = schedule(cues(*times), lengths, **{"speed_limit": 1.5, **options})
    return [
        (one.start, pytest.approx(one.end), pytest.approx(one.speed)) for one in found.placements
    ], found.misfits


def test_a_short_clip_plays_as_it_is_and_is_seen_as_long_as_its_cue():
    assert placed([(1, 4)], [2.0]) == ([(1, 4, 1.0)], ())


def test_a_long_clip_is_sped_up_to_end_with_its_cue():
    assert placed([(1, 3), (10, 12)], [2.5, 1]) == ([(1, 3, 1.25), (10, 12, 1.0)], ())


def test_what_the_limit_leaves_goes_into_the_silence_after_it():
    assert placed([(1, 3), (10, 12)], [6.0, 1]) == ([(1, 5, 1.5), (10, 12, 1.0)], ())


@pytest.mark.parametrize("others", [[(10, 12)], []], ids=["by the next cue", "by the end of the film"])
def test_what_does_not_fit_is_told_with_its_seconds(others):
    found, misfits = placed(
        [(1, 3), *others], [18.0] + [1.0] * len(others), film_end=10 if not others else 20
    )
    assert len(found) == len(others)
    assert misfits[0].number == 1
    assert "needs 12.00 s from 1.00 s on at 1.50 times" in misfits[0].why
    assert "has 9.00 s: 3.00 s too little" in misfits[0].why


def test_a_misfit_is_cut_where_that_is_asked_for():
    found = schedule(cues((1, 3), (4, 6)), [6.0, 1.0], speed_limit=1.5, misfits="cut")
    assert [(one.start, one.end) for one in found.placements] == [(1, 4), (4, 6)]
    assert found.placements[0].missing == pytest.approx(1.5)
    assert len(found.misfits) == 1


def test_overlapping_cues_hurry_and_wait():
    assert placed([(0, 4), (2, 4)], [2.6, 1.0]) == ([(0, 2, 1.3), (2, 4, 1.0)], ())
    found, misfits = placed([(0, 4), (2, 6)], [4.5, 1.0])
    assert (found, misfits) == ([(0, 3, 1.5), (3, 6, 1.0)], ())


def test_a_cue_after_the_film_is_told():
    found, misfits = placed([(0, 1), (9, 10)], [1.0, 1.0], film_end=5)
    assert len(found) == 1 and misfits[0].number == 2


times = st.lists(
    st.tuples(st.floats(0, 60), st.floats(0.05, 8), st.floats(0.05, 12)), min_size=1, max_size=12
)


@settings(max_examples=150, deadline=None)
@given(
    times, st.sampled_from([1.0, 1.5, 2.0]), st.sampled_from(["skip", "cut"]), st.sampled_from([30.0, 1e9])
)
def test_whatever_the_cues(drawn, limit, misfits, film_end):
    drawn.sort(key=lambda one: one[0])
    given_cues = cues(*((start, start + length) for start, length, _ in drawn))
    lengths = [clip for *_, clip in drawn]
    found = schedule(given_cues, lengths, speed_limit=limit, misfits=misfits, film_end=film_end)
    by_number = dict(zip((cue.number for cue in given_cues), lengths, strict=True))
    shown = found.placements
    assert {one.cue.number for one in shown} | {one.number for one in found.misfits} == set(by_number)
    for one in shown:
        assert 1 <= one.speed <= limit and one.late >= 0
        playing = (by_number[one.cue.number] - one.missing) / one.speed
        assert one.start + playing <= one.end + 1e-5 <= film_end + 2e-5
    assert all(first.end <= second.start for first, second in pairwise(shown))
    assert [one.cue.number for one in shown] == sorted(one.cue.number for one in shown)


def test_ten_thousand_cues_at_once_are_each_placed_or_told():
    found = schedule(cues(*[(0, 5)] * 10_000), [1.0] * 10_000, speed_limit=1.5)
    assert [one.cue.number for one in found.placements] == [*range(1, 8), 10_000]
    assert len(found.misfits) == 10_000 - 8
