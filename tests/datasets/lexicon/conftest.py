"""A lexicon of three made-up alphabets: one right hand, one left hand, two hands; and one in Greek."""

# ruff: noqa: RUF001 (Greek letters are meant)

from __future__ import annotations

import pytest
from poses import letter_hand, write_lexicon

pytest.importorskip("pose_format")

# Real codes of sign languages, whose letters these are not.
ONE_HANDED = [
    ("ase", "en", "A", {1: letter_hand("fist")}),
    ("ase", "en", "B", {1: letter_hand("flat", at=(120, 250))}),
    ("ase", "en", "N", {1: letter_hand("vee", at=(140, 280))}),
    ("ase", "en", "J", {1: letter_hand("horns", circle=40, at=(120, 240))}),
    ("ase", "en", "SCH", {1: letter_hand("five", at=(130, 250))}),
    ("ase", "en", "S", {1: letter_hand("hook", at=(130, 250))}),
]
LEFT_HANDED = [
    ("ise", "it", "A", {0: letter_hand("fist", side=0, at=(370, 230))}),
    ("ise", "it", "B", {0: letter_hand("flat", side=0, at=(380, 230))}),
]
TWO_HANDED = [
    (
        "tsm",
        "tr",
        word,
        {0: letter_hand(one, 0, at=(300, 380), point="up-across"), 1: letter_hand(other, at=(200, 380))},
    )
    for word, one, other in (("I", "index", "flat"), ("\u0130", "flat", "index"), ("A", "round", "round"))
]
GREEK = [
    ("gss", "el", word, {1: letter_hand(shape)})
    for word, shape in (("Α", "fist"), ("Σ", "vee"), ("Ο", "round"))
]


@pytest.fixture(scope="session")
def lexicon(tmp_path_factory):
    """The folder."""
    folder = tmp_path_factory.mktemp("lexicon")
    return write_lexicon(folder, [*ONE_HANDED, *LEFT_HANDED, *TWO_HANDED, *GREEK])
