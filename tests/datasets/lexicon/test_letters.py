"""From texts to letters: digraphs, doubled letters, accents, scripts, full stops."""

from __future__ import annotations

import pytest
from signvip_datasets.lexicon.letters import fold, missing, spell

LATIN = set("abcdefghijklmnopqrstuvwxyz")


def keys(text, entries=LATIN, written="en"):
    return [letter.key for letter in spell(text, entries, written) for _ in range(letter.times)]


def test_the_longest_letters_come_first():
    assert keys("Schach", {*LATIN, "sch", "ch"}) == ["sch", "a", "ch"]
    assert keys("Schach") == list("schach")


def test_a_doubled_letter_is_one_that_lasts_unless_the_alphabet_has_its_own():
    assert [(letter.key, letter.times) for letter in spell("Anna", LATIN, "en")] == [
        ("a", 1),
        ("n", 2),
        ("a", 1),
    ]
    assert keys("Anna", {*LATIN, "nn"}) == ["a", "nn", "a"]
    assert [letter.times for letter in spell("an na", LATIN, "en")] == [1, 1, 1, 1]  # two words


def test_words_and_sentences_end_where_they_do():
    spelled = spell("O'Neil-Ab. No", LATIN, "en")
    assert [letter.key for letter in spelled if letter.ends_word] == ["b", "o"]
    assert [letter.key for letter in spelled if letter.ends_sentence] == ["b"]


@pytest.mark.parametrize(
    ("text", "entries", "written", "expected"),
    [
        ("Élan", LATIN, "fr", "elan"),  # the alphabet lacks the accent
        ("Ärger", {*LATIN, "ä"}, "de", "ärger"),
        ("A\u0308rger", {*LATIN, "ä"}, "de", "ärger"),
        ("Groß", LATIN, "de", "gross"),
        ("Groß", {*LATIN, "ß"}, "de", "groß"),
        ("ISI\u0130", {*LATIN, "\u0131"}, "tr", "\u0131s\u0131i"),
        ("Σοφός", set("αβγδεζηθικλμνξοπρστυφχψω"), "el", "σοφοσ"),
        ("Їжак", set("їжак"), "uk", "їжак"),
        ("كتابٌ", set("كتاب"), "ar", "كتاب"),
    ],
)
def test_every_script_is_spelled_by_its_own_letters(text, entries, written, expected):
    assert "".join(keys(text, entries, written)) == expected


def test_what_an_alphabet_lacks_is_left_out_and_can_be_told():
    assert keys("a1ж b") == ["a", "b"] and missing("a1жж b", LATIN, "en") == "1ж"
    assert keys("Київ") == [] and spell("?!", LATIN, "en") == []


def test_a_word_of_the_lexicon_is_taken_whole_and_only_as_a_word():
    assert keys("Pizza pizzas", {*LATIN, "pizza"}) == ["pizza", *"pizzas"]


def test_letters_have_no_case():
    assert fold(" SCH ", "de") == "sch" and fold("ẞ", "de") == "ß"
