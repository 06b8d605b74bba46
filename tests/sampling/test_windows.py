from __future__ import annotations

import itertools

import pytest

from signvip.errors import ConfigError
from signvip.sampling.windows import windows


@pytest.mark.parametrize(
    ("frames", "length", "overlap"),
    list(itertools.product([1, 2, 15, 16, 17, 25, 46, 100], [8, 16, 24], [0, 2, 4])),
)
def test_windows_cover_each_frame(frames, length, overlap):
    parts = windows(frames, length, overlap)
    assert sorted({frame for part in parts for frame in part}) == list(range(frames))
    assert all(len(part) == min(length, frames) for part in parts)
    for before, after in itertools.pairwise(parts):
        assert before.start < after.start
        assert len(set(before) & set(after)) >= overlap
    assert parts[-1].stop == frames


def test_no_window_more_than_needed():
    assert windows(25, 24, 4) == [range(24), range(1, 25)]
    assert windows(24, 24, 4) == [range(24)]
    assert windows(44, 24, 4) == [range(24), range(20, 44)]


@pytest.mark.parametrize("overlap", [-1, 8, 9])
def test_impossible_overlap_is_refused(overlap):
    with pytest.raises(ConfigError, match="from 0 to 7"):
        windows(20, 8, overlap)


@pytest.mark.parametrize(
    ("frames", "count"), [(24, 1), (25, 2), (30, 2), (46, 3), (100, 5), (200, 10), (400, 19)]
)
def test_reflected_windows_are_as_many_as_in_the_authors_code(frames, count):
    parts = windows(frames, 24, 2, "reflected")
    assert len(parts) == count
    assert {place for part in parts for place in part} == set(range(frames))


def test_the_reflected_tail_runs_backwards_from_the_end():
    tail = list(windows(100, 24, 2, "reflected")[-1])
    assert tail == [*range(88, 100), *range(98, 86, -1)]
    assert len(tail) - len(set(tail)) == 11


def test_reflected_windows_of_the_authors_numbers():
    """24 frames, 2 of them shared, in a closed loop: one frame too many makes a whole window of old ones."""
    assert windows(25, 24, 2, "reflected") == [list(range(24)), [22, 23, 24, *range(23, 2, -1)]]
    assert [part[0] for part in windows(200, 24, 2, "reflected")] == list(range(0, 200, 22))
