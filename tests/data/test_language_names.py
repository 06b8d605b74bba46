"""Names of sign languages."""

from __future__ import annotations

import pytest

from signvip.data.language_names import _table, language_name


def test_a_language_has_its_english_name_and_its_own():
    german = language_name("gsg")
    assert (german.code, german.name) == ("gsg", "German Sign Language")
    assert german.own_name == "Deutsche Gebärdensprache (DGS)"


def test_invented_languages_say_so():
    from signvip_toysign.signs import LANGUAGES, language

    for name in LANGUAGES:
        toy = language(name)
        assert language_name(toy.code).name == f"{toy.name} (invented)"


def test_an_unknown_code_is_its_own_name():
    assert (language_name("xyz").name, language_name("xyz").own_name) == ("xyz", "xyz")


def test_every_language_of_the_lexicon_has_a_name():
    pytest.importorskip("spoken_to_signed", reason="the extra `lexicon` is not installed")
    import signvip

    known = signvip.build("dataset", "lexicon")._alphabets
    assert len(known) >= 20 and not set(known) - set(_table())


def test_codes_are_of_three_letters_and_no_name_comes_twice():
    assert all(len(code) == 3 and code.islower() for code in _table())
    names = [english for english, _ in _table().values()]
    assert len(names) == len(set(names))
