"""Glosses in the order of either language, natural texts, and movement that tells signs apart."""

from __future__ import annotations

import re

import numpy as np
import pytest
from signvip_toysign import Message, gloss_of, glosses, lexicon, parse_gloss
from signvip_toysign.motion import Manner, sign_track, unpack
from signvip_toysign.sentences import can_say, characters_of, texts, words
from signvip_toysign.signer import make_signer
from signvip_toysign.skeleton import pose
from signvip_toysign.toysign import perform_message

from signvip.errors import DataError

RAIN = Message("RAIN", "TOMORROW", "NORTH")


def all_messages():
    for weather in glosses("tsa", "weather"):
        for degree in (None, "STRONG", "LIGHT"):
            if can_say(weather, degree):
                for mood in ("plain", "maybe", "not", "question"):
                    yield Message(weather, "MONDAY", "SOUTH", degree, mood)
                    yield Message(weather, "TOMORROW", None, degree, mood)
                    yield Message(weather, None, "EVERYWHERE", degree, mood)


def test_the_languages_differ_in_order_and_in_every_sign():
    message = Message("RAIN", "TOMORROW", "NORTH", "STRONG", "not")
    assert gloss_of(message, "tsa") == "TOMORROW NORTH RAIN STRONG NOT"
    assert gloss_of(message, "tsb") == "NOT RAIN STRONG NORTH TOMORROW"
    assert set(lexicon("tsa")) == set(lexicon("tsb"))
    assert all(lexicon("tsa")[gloss] != lexicon("tsb")[gloss] for gloss in lexicon("tsa"))
    assert len(lexicon("tsa")) == 30


@pytest.mark.parametrize("language", ["tsa", "tsb"])
def test_a_gloss_line_can_be_read_back(language):
    for message in all_messages():
        assert parse_gloss(gloss_of(message, language), language) == message


@pytest.mark.parametrize("line", ["TOMORROW BANANA", "NORTH TOMORROW", "RAIN SNOW"])
def test_a_gloss_line_that_says_nothing_is_an_error_in_words(line):
    with pytest.raises(DataError, match=r"\.$"):
        parse_gloss(line, "tsa")


def test_english_and_german_say_it_naturally():
    assert "Tomorrow it will rain in the north." in set(texts(RAIN, "en"))
    german = set(texts(RAIN, "de"))
    assert {
        "Morgen regnet es im Norden.",
        "Im Norden regnet es morgen.",
        "Morgen gibt es im Norden Regen.",
    } <= german
    asked = Message("SNOW", None, "COAST", "STRONG", "question")
    assert "Schneit es an der Küste stark?" in set(texts(asked, "de"))
    assert "Will it snow heavily on the coast?" in set(texts(asked, "en"))


def test_german_has_its_umlauts():
    sentences = {text for message in all_messages() for text in texts(message, "de")}
    joined = " ".join(sentences)
    assert all(word in joined for word in ("Süden", "überall", "möglicherweise", "stürmisch", "bewölkt"))
    assert not any(word in joined for word in ("Sueden", "ueberall", "moeglich"))


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_message_has_several_texts_and_no_text_two_meanings(language):
    meaning = {}
    for message in all_messages():
        found = set(texts(message, language))
        assert len(found) >= 2, message
        for text in found:
            assert meaning.setdefault(text, message) == message
            assert text[0].isupper() and "  " not in text and "{" not in text
            assert text.endswith("?" if message.mood == "question" else ".")


def test_every_gloss_has_words():
    for language in ("en", "de"):
        for slot in ("time", "place", "weather"):
            assert set(words(language)[slot]) == set(glosses("tsa", slot))


@pytest.mark.parametrize(
    ("text", "language", "message", "said"),
    [
        (
            "On Monday it may rain heavily in the south.",
            "en",
            Message("RAIN", "MONDAY", "SOUTH", "STRONG", "maybe"),
            {"MONDAY": "Monday", "MAYBE": "may", "RAIN": "rain", "STRONG": "heavily", "SOUTH": "south"},
        ),
        (
            "There will be no light rain by the sea.",
            "en",
            Message("RAIN", None, "COAST", "LIGHT", "not"),
            {"NOT": "no", "LIGHT": "light", "RAIN": "rain", "COAST": "sea"},
        ),
        (
            "Im Tal wird es morgen nicht sehr warm.",
            "de",
            Message("WARM", "TOMORROW", "VALLEY", "STRONG", "not"),
            {"VALLEY": "Tal", "TOMORROW": "morgen", "NOT": "nicht", "STRONG": "sehr", "WARM": "warm"},
        ),
        (
            "Will it be foggy tonight?",
            "en",
            Message("FOG", "TONIGHT", mood="question"),
            {"FOG": "foggy", "TONIGHT": "tonight"},
        ),
    ],
)  # fmt: skip
def test_each_sign_has_the_word_that_says_it(text, language, message, said):
    assert text in set(texts(message, language))
    found = characters_of(message, text, language)
    assert {gloss: re.match(r"\w+", text[at:])[0] for gloss, at in found.items()} == said


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_two_signs_of_a_sentence_have_the_same_word(language):
    for message in all_messages():
        signs = {sign for sign in gloss_of(message, "tsa").split() if sign != "?"}
        for text in texts(message, language):
            found = characters_of(message, text, language)
            assert set(found) == signs and len(set(found.values())) == len(signs), text


def test_a_question_raises_the_brows_and_a_negation_shakes_the_head():
    said, asked, denied = (
        perform_message(Message("RAIN", "TOMORROW", "NORTH", None, mood), "tsa", 12.0)
        for mood in ("plain", "question", "not")
    )
    brows = [motion.face[8:-8, 0].mean() for motion in (said, asked)]
    assert brows[1] > brows[0] + 0.5
    assert np.abs(said.face[:, 4]).max() < 1e-6
    turns = np.sign(denied.face[:, 4][np.abs(denied.face[:, 4]) > 0.1])
    assert np.count_nonzero(np.diff(turns)) >= 3


@pytest.mark.parametrize("language", ["tsa", "tsb"])
def test_signs_are_distinct(language):
    signer = make_signer(0, "d")
    tracks = {}
    for gloss, sign in lexicon(language).items():
        joints = pose(unpack(sign_track(sign, Manner())), signer).hands
        at = np.linspace(0, len(joints) - 1, 9).round().astype(int)
        tracks[gloss] = joints[at][..., :2].reshape(9, -1, 2)
    names = sorted(tracks)
    for index, one in enumerate(names):
        for other in names[index + 1 :]:
            gap = np.linalg.norm(tracks[one] - tracks[other], axis=-1)
            assert gap.mean() > 0.03, (one, other)
