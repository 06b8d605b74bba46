"""The best wording of a message: one that may be said, and the one that agrees most with the others."""

from __future__ import annotations

import numpy as np
import pytest
from signvip_metrics.texts import Bleu
from signvip_toysign.best_wording import best_wording
from signvip_toysign.sentences import Message, say, texts

import signvip


@pytest.mark.parametrize("text_language", ["en", "de"])
def test_it_is_a_wording_of_the_message(text_language):
    message = Message("SNOW", "TOMORROW", "COAST", "STRONG", "not")
    assert best_wording(message, text_language) in set(texts(message, text_language))


def test_nobody_who_guesses_a_wording_does_better_on_the_average():
    reader = signvip.build("dataset", "toysign", test=150)
    clips = range(150)
    messages = [reader.message("test", clip) for clip in clips]
    random = np.random.default_rng(0)
    truth = [say(message, "en", random) for message in messages]
    known = Bleu(None)([best_wording(message, "en") for message in messages], truth)["bleu4"]
    guessed = [
        Bleu(None)([say(message, "en", random) for message in messages], truth)["bleu4"] for _ in range(4)
    ]
    assert np.mean(guessed) < known < 70


def test_the_corpus_says_it_of_a_clip_in_the_clips_language():
    reader = signvip.build("dataset", "toysign", test=2)
    for clip_id in reader.ids("test"):
        clip = reader.load("test", clip_id)
        assert reader.oracle("test", clip_id) == best_wording(
            reader.message("test", int(clip_id[-5:])), clip.text_language
        )
