"""Long texts in passages, and the words and letters of a passage in time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from signvip.models.seen_texts import Seen, split

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

WORDS = Seen.of([("qaa", "rain in the north"), ("qab", "snow")], "words")
LETTERS = Seen.of([("ase", "abcdefgh"), ("gsg", "äöü")], "letters")


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("rain in the north, and snow", ["rain in the north, and snow"]),  # a half longer is let through
        ("Rain. Snow in the north of it! Fog?", ["Rain.", "Snow in the north of it!", "Fog?"]),
        ("snow in the north, fog in the south of it", ["snow in the north,", "fog in the south of it"]),
        ("one two three four five six seven", ["one two three four", "five six seven"]),
        ("Rain and snow and fog. - And sun.", ["Rain and snow and fog.", "- And sun."]),
        ("Rain and snow and fog.\n\n... And sun!", ["Rain and snow and fog.", "And sun!"]),
        (
            "雨が降ります。雪 が 降り ます 北 で も 降り",
            ["雨が降ります。", "雪 が 降り ます", "北 で も 降り"],
        ),
    ],
)
def test_a_long_text_is_cut_at_sentences_else_at_commas_else_between_words(text, cut):
    from signvip_serve.passages import passages

    assert passages(text, WORDS, "qaa") == cut


def test_no_word_is_lost_and_no_passage_is_too_long():
    from signvip_serve.passages import passages

    drawn = np.random.default_rng(0)
    marks = ["", "", "", ",", ".", "!", ";", "\n"]
    for _ in range(50):
        text = " ".join(f"w{number}{drawn.choice(marks)}" for number in range(drawn.integers(1, 60)))
        found = passages(text, WORDS, None)
        assert split(" ".join(found), "words") == split(text, "words")
        assert all(WORDS.too_long(one, None) is None for one in found)


def test_a_word_that_is_too_long_alone_stays_whole():
    from signvip_serve.passages import passages

    assert passages(f"abc {'a' * 30} def", LETTERS, "ase") == ["abc", "a" * 30, "def"]


def test_letters_keep_their_marks_and_times_follow_them():
    from signvip_serve.passages import Timed, timing, units

    assert units("Zoë, a\u0301!", "letters") == ["Z", "o", "ë", "á"]
    assert units("rain - snow, it's", "words") == ["rain", "snow,", "it's"]
    told = timing([Timed("ab", 0, 4), Timed("c", 10, 12)], "letters", 2.0)
    assert [(one["text"], one["start"], one["end"]) for one in told] == [
        ("a", 0, 1),
        ("b", 1, 2),
        ("c", 5, 6),
    ]


def test_letters_have_the_times_that_the_pointer_says():
    from signvip_serve.passages import Timed, timing

    alignment = [0] * 3 + [1] * 4 + [4] * 2 + [-1]
    told = timing([Timed("ann a", 10, 20, alignment)], "letters", 1.0)
    assert [(one["text"], one["start"], one["end"], one["estimated"]) for one in told] == [
        ("a", 10, 13, False),
        ("n", 13, 15, False),
        ("n", 15, 17, False),  # both are one sign
        ("a", 17, 19, False),
    ]


@pytest.mark.parametrize("alignment", [[-1] * 6, [0, 0, 1, 1, 0, 0], [1, 1, 1, 2, 2, 2], None])
def test_a_pointer_that_does_not_go_along_tells_no_times(alignment):
    from signvip_serve.passages import Timed, timing

    told = timing([Timed("abc", 0, 6, alignment)], "letters", 1.0)
    assert [(one["start"], one["end"], one["estimated"]) for one in told] == [
        (start, start + 2, True) for start in (0, 2, 4)
    ]


def test_a_run_that_spells_tells_its_letters():
    assert (LETTERS.letters("gsg"), LETTERS.letters("xxx"), WORDS.letters("qaa")) == ("äöü", None, None)


def test_each_passage_has_the_frames_that_it_has_alone_and_a_rest_after_it(studio, tmp_path, monkeypatch):
    from types import SimpleNamespace

    import signvip_serve.studio as module
    from signvip_serve.forms import Ask

    seen = []
    keep = module.stream_generated
    monkeypatch.setattr(
        module,
        "stream_generated",
        lambda parts, *rest: keep((seen.append(part) or part for part in parts), *rest),
    )
    order = studio.order(Ask("Rain, snow. " * 10, seed=3))
    job = SimpleNamespace(facts={}, folder=tmp_path, stopped=lambda: False)
    assert b"".join(studio.make(order, job))
    frames, rest = np.concatenate(seen), round(0.5 * studio.pipe.config.fps)
    text = job.facts["passages"][0]["text"]
    tokens = studio.pipe.translate([text])[0]
    generator = torch.Generator().manual_seed(3)
    alone = studio.pipe(text, order.picture, tokens=tokens, generator=generator, output_type="stream")
    alone = np.concatenate(list(alone.frames))
    for passage in job.facts["passages"][:2]:
        start, stop = passage["start"], passage["start"] + passage["frames"]
        assert np.array_equal(frames[start:stop], alone)
        assert np.array_equal(frames[stop : stop + rest], np.repeat(alone[-1:], rest, axis=0))
