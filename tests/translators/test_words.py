from __future__ import annotations

import pytest
from signvip_translators.words import split_words, text_bytes, word_buckets

from signvip.errors import DataError


def test_case_punctuation_and_unicode_form_do_not_matter():
    expected = ["am", "küstenstreifen", "stürmt", "es"]
    assert split_words("Am Küstenstreifen stürmt es.", 9) == expected
    assert split_words("  AM «KÜSTENSTREIFEN»\n stu\u0308rmt, es!?", 9) == expected


def test_vowel_signs_stay_inside_their_word():
    assert len(split_words("हिन्दी", 9)) == 1


@pytest.mark.parametrize("text", ["", "   \n", "?!...", "🙂"])
def test_a_text_without_words_is_refused(text):
    with pytest.raises(DataError, match=r"no words; give a sentence\.$"):
        split_words(text, 9)


@pytest.mark.parametrize("text", ["rain " * 10, "r" * 1000])
def test_an_endless_text_is_refused_and_the_limit_named(text):
    with pytest.raises(DataError, match="reads 9 words"):
        split_words(text, 9)


def test_bytes_know_no_case_nor_unicode_form_and_keep_letters_and_stops():
    assert text_bytes(" KU\u0308STE  Großes.\n", 24) == "küste großes.".encode()
    assert text_bytes("ΆΛΦΑ Їжак", 24) == "άλφα їжак".encode()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("", "is empty; give a sentence"), (" \n", "is empty"), ("ї" * 13, "reads 24 bytes of UTF-8 at a time")],
)
def test_no_text_and_too_many_bytes_are_refused(text, sentence):
    with pytest.raises(DataError, match=sentence):
        text_bytes(text, 24)
    assert len(text_bytes("ї" * 12, 24)) == 24


def test_inflections_share_most_buckets_and_other_words_hardly_any():
    rain, rains, cloud = (set(word_buckets(word, 100_000)) for word in ("raining", "rainings", "cloudy"))
    assert len(rain & rains) > len(rain) / 2
    assert len(rain & cloud) <= 1


def test_buckets_are_the_same_in_every_process_and_leave_zero_free():
    assert word_buckets("ab", 4096) == (4063, 1580, 3219, 3651)
    assert all(0 < bucket < 8 for bucket in word_buckets("thunderstorm", 8))
