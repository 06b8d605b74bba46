"""The lexicon of the package spoken-to-signed, where it is installed (extra `lexicon`)."""

from __future__ import annotations

import pytest
from signvip_datasets.lexicon.index import PACKAGE, find_lexicon, read_index
from signvip_datasets.lexicon.placing import signing

import signvip

pytest.importorskip("pose_format")
pytest.importorskip(PACKAGE)


def test_it_is_found_by_itself_and_its_twenty_alphabets_are_read():
    alphabets = read_index(find_lexicon(None))
    assert len(alphabets) == 20 and sum(len(alphabet.entries) for alphabet in alphabets.values()) == 626
    assert {alphabets[language].written for language in ("gss", "jos", "ukl")} == {"el", "ar", "uk"}


def test_american_letters_are_held_but_for_the_two_that_are_drawn_in_the_air():
    letters = signing(read_index(find_lexicon(None))["ase"])
    assert not letters.faults and {key for key, one in letters.letters.items() if one.seconds} == {"j", "z"}


def test_names_are_spelled_from_it():
    reader = signvip.build("dataset", "lexicon", languages=["ukl"], train=1, dev=0, test=0, size=(64, 64))
    clip = reader.load("train", "ukl-train-00000")
    assert (clip.licence, clip.text_language) == ("MIT", "uk") and len(clip.frames) > 12


@pytest.mark.slow
def test_every_file_of_it_can_be_signed():
    found = {language: signing(alphabet) for language, alphabet in read_index(find_lexicon(None)).items()}
    assert not any(one.faults for one in found.values())
    assert [language for language, one in found.items() if one.left_handed] == ["ise"]
    both = {
        language for language, one in found.items() if sum(all(o.sides) for o in one.letters.values()) > 10
    }
    assert both == {"cse", "csq", "tsm"}
