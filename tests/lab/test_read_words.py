"""What `benchmarks/spelling.py` stores of a run, what it takes for held, and how it counts letters."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TRUE, MADE = {"true skeleton", "true frames"}, {"pose head, text", "frames of text"}


@pytest.fixture
def spelling(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import spelling

    return spelling


def hands(*places):
    """A hand of one shape at each place (F, 21, 3), with a palm of 10; None where none is seen."""
    shape = np.zeros((21, 3))
    shape[9] = 10, 0, 0
    return np.stack([np.full((21, 3), np.nan) if x is None else shape + np.array([x, 0, 0]) for x in places])


@pytest.mark.parametrize(
    ("read", "word", "correct", "in_order"),
    [
        ("WEND", "WEND", 4, 4),
        ("WEN", "WEND", 3, 3),
        ("WAND", "WEND", 3, 3),
        ("AWBECND", "WEND", 1, 4),  # three letters too many
        ("ABCDEFGHWEND", "WEND", 0, 4),
        ("DNEW", "WEND", 0, 1),
        ("", "WEND", 0, 0),
    ],
)
def test_letters_too_many_cost_what_letters_too_few_do(spelling, read, word, correct, in_order):
    assert (spelling.letters_correct(read, word), spelling.common(read, word)) == (correct, in_order)


def test_a_hand_is_held_where_it_is_seen_and_still_for_three_frames(spelling):
    assert spelling.held(hands(0, 0, 1, 9, 18, 18, 30, 30, 30, 30)) == [(0, 3), (6, 10)]
    assert spelling.held(hands(0, 0, None, 0, 0)) == []
    assert spelling.held(hands(None, None, None)) == []


def test_each_held_letter_is_read_once(spelling):
    def reader(hand):
        return np.where(hand[:, 0, 0] < 20, "A", "B")

    twice = hands(0, 0, 0, 9, 9, 9, 19, 19, 20, 30, 40, 40, 40)
    assert len(spelling.held(twice)) == 4 and spelling.spelled(twice, reader) == "AB"


def test_words_are_read_once_and_without_letters_that_move(spelling):
    texts = ["Coffee", "Zoe", "Mmb", "coffee", "Kent", "Wend"]
    infos = [{"text": text, "language": "ase"} for text in texts]
    infos[4]["language"] = "ukl"
    assert spelling.chosen(infos, 9) == [0, 5] and spelling.chosen(infos, 1) == [0]
    assert spelling.letters_of("Coffee") == "COFE"
    with pytest.raises(SystemExit, match="No clip spells"):
        spelling.chosen(infos[1:3], 9)


def test_chance_is_what_other_clips_readings_have_of_a_word(spelling):
    found = spelling.count(["ABC", "ABX", "QRS"], ["ABC", "ABD", "QRS"])
    assert found.correct.tolist() == [3, 2, 3] and found.letters.tolist() == [3, 3, 3]
    assert found.chance.tolist() == [1, 1, 0]
    scores = spelling.scored(found, found._replace(correct=np.array([3, 3, 3])))
    assert scores["correct"][0] == scores["share of true"][0] == pytest.approx(8 / 9)
    value, low, high = scores["by chance"]
    assert value == pytest.approx(2 / 9) and low < value < high


def test_a_run_is_stored_beside_the_truth(spelling, trained, tmp_path, monkeypatch):
    from signvip.data.shards import ShardIndex

    monkeypatch.setattr(spelling, "LANGUAGE", ShardIndex(trained.shards, "test").load(0, "json")["language"])
    monkeypatch.setattr(spelling, "MOVING", "")
    options = argparse.Namespace(shards=trained.shards, split="test", clips=1, path=tmp_path / "words.npz")
    spelling.make(None, options)
    truth = dict(np.load(options.path))
    spelling.make(trained.run, options)
    made = dict(np.load(options.path))
    assert (
        TRUE < set(truth)
        and set(truth) | MADE < set(made)
        and set(spelling.ROWS) - {spelling.BY_TOKENS} < set(made)
    )
    for name, value in truth.items():
        np.testing.assert_array_equal(value, made[name])
    for row in set(spelling.ROWS) - {spelling.BY_TOKENS}:
        shape = (21, 3) if "frames" not in row else (32, 32, 3)
        assert made[row].shape == (made[f"{row}, lengths"].sum(), *shape)
    assert len(made["frames of text"]) == len(made["pose head, text"])
    seen = spelling.seen(made["true skeleton"])
    assert seen.any() and 1 < np.nanmax(made["true skeleton"][..., :2]) <= 32
