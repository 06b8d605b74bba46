"""How long letters, ties and pauses last, and that movement eases."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest
from signvip_datasets.lexicon.index import read_index
from signvip_datasets.lexicon.letters import spell
from signvip_datasets.lexicon.placing import signing
from signvip_datasets.lexicon.ties import DOWN, LAST, RAISE, Timing, letters_signed, perform

FPS = 100.0
USUAL = Timing(hold=0.33, tie=0.2, pause=0.5, doubled=1.7)


@pytest.fixture(scope="module")
def letters(lexicon):
    return signing(read_index(lexicon)["ase"]).letters


def held(letters, text, timing=USUAL):
    """Seconds that each letter lasts, and those of the whole."""
    _, numbers = perform(spell(text, letters, "en"), letters, timing, FPS)
    return [float((numbers == n).sum()) / FPS for n in range(numbers.max() + 1)], len(numbers) / FPS


def test_letters_are_held_and_the_last_of_a_word_longer(letters):
    seconds, whole = held(letters, "ban")
    np.testing.assert_allclose(seconds, [0.33, 0.33, 0.33 * LAST], atol=0.02)
    ties = whole - sum(seconds) - 2 * (RAISE + DOWN)
    assert 2 * 0.85 * 0.2 - 0.03 < ties < 2 * 1.25 * 0.2 + 0.03


def test_every_pace_can_be_chosen(letters):
    slow = Timing(hold=0.8, tie=0.4, pause=1.0, doubled=2.0)
    np.testing.assert_allclose(held(letters, "nnb", slow)[0], [1.6, 0.8 * LAST], atol=0.02)
    assert held(letters, "ab. ab", slow)[1] - held(letters, "ab ab", slow)[1] == pytest.approx(1.0, abs=0.02)
    assert held(letters, "ab.", slow)[1] == held(letters, "ab", slow)[1]  # nothing follows


def test_a_doubled_letter_is_held_longer_and_one_that_moves_moves_again(letters):
    assert held(letters, "nna")[0][0] == pytest.approx(0.33 * 1.7, abs=0.02)
    once, twice = held(letters, "ja")[0][0], held(letters, "jja")[0][0]
    assert once == pytest.approx(letters["j"].seconds, abs=0.03) and twice == pytest.approx(
        2 * once, abs=0.03
    )


def test_hands_come_from_rest_ease_in_and_out_and_go_back(letters):
    hands, numbers = perform(spell("ab", letters, "en"), letters, USUAL, FPS)
    wrist = hands.wrist[:, 1]
    np.testing.assert_allclose(wrist[0], wrist[-1], atol=0.02)
    speed = np.linalg.norm(np.diff(wrist, axis=0), axis=-1) * FPS
    first = int(np.flatnonzero(numbers == 0)[0])
    raising = speed[round(DOWN * FPS) : first]
    assert raising[len(raising) // 2] > 5 * max(raising[1], raising[-2]) > 0
    assert np.abs(np.diff(speed)).max() < 0.25 * speed.max()  # no jump


def test_the_other_hand_stays_at_rest(letters):
    hands, _ = perform(spell("banj", letters, "en"), letters, USUAL, FPS)
    assert np.ptp(hands.joints()[:, 0], axis=0).max() < 1e-6


@pytest.mark.parametrize("text", ["ban", "nna ab. ba", "a-b'a", "jan"])
def test_each_frame_knows_the_character_that_it_signs_or_comes_to(letters, text):
    spelled = spell(text, letters, "en")
    _, held = perform(spelled, letters, USUAL, FPS)
    signed = letters_signed(spelled, held)
    assert len(signed) == len(held)
    places = [place for place, _ in groupby(signed.tolist())]
    assert places == [*(letter.at for letter in spelled), -1]  # in order, each once, and none at the end
    assert "".join(text[place] for place in places[:-1]) == "".join(letter.key for letter in spelled)
    for number, letter in enumerate(spelled):
        assert set(signed[held == number].tolist()) == {letter.at}
    assert (signed[-round((RAISE + DOWN) * FPS) + 2 :] == -1).all()
