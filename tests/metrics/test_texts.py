"""Text metrics: agreement with trusted implementations, cases worked out by hand, and the traps of the field."""

from __future__ import annotations

import random

import pytest
import sacrebleu
from signvip_metrics.texts import common_length, edit_distance

import signvip

TRUTH = ["heute regen im norden .", "morgen wird es mild", "über den alpen schnee"]


def metric(name):
    return signvip.build("metric", name)


def sentences(seed, count=30):
    draw = random.Random(seed)
    return [" ".join(draw.choices("abcdefgh", k=draw.randint(1, 12))) for _ in range(count)]


@pytest.mark.parametrize("seed", range(4))
def test_bleu_is_sacrebleus_without_smoothing(seed):
    made, truth = sentences(seed), sentences(seed + 100)
    found = metric("bleu")(made, truth)
    for order in range(1, 5):
        trusted = sacrebleu.BLEU(
            tokenize="none", smooth_method="none", max_ngram_order=order, effective_order=False
        )
        assert found[f"bleu{order}"] == pytest.approx(trusted.corpus_score(made, [truth]).score, abs=1e-5)


def test_bleu_worked_out_by_hand():
    # 3 of 4 words, 1 of 3 pairs, no triple; lengths agree, so there is no penalty
    found = metric("bleu")(["a b x d"], ["a b c d"])
    assert found["bleu1"] == pytest.approx(75) and found["bleu2"] == pytest.approx(50)
    assert found["bleu3"] == found["bleu4"] == 0


def test_case_and_white_space_do_not_count_and_punctuation_does():
    bleu = metric("bleu")
    assert bleu(["Heute  Regen im NORDEN ."], TRUTH[:1])["bleu4"] == pytest.approx(100)
    assert bleu(["heute regen im norden."], TRUTH[:1])["bleu4"] == 0


def test_rouge_l_worked_out_by_hand():
    # the common subsequence of 2 has a precision of 2/2 and a recall of 2/4
    expected = 100 * 2.44 * 1 * 0.5 / (0.5 + 1.44 * 1)
    assert metric("rouge_l")(["a c"], ["a b c d"])["rouge_l"] == pytest.approx(expected, abs=1e-9)
    assert metric("rouge_l")(["über"], ["uber"])["rouge_l"] == 0


def test_chrf_is_sacrebleus():
    made, truth = sentences(1), sentences(2)
    assert metric("chrf")(made, truth)["chrf"] == pytest.approx(
        sacrebleu.CHRF().corpus_score(made, [truth]).score
    )


@pytest.mark.parametrize("seed", range(3))
def test_word_errors_agree_with_torchmetrics(seed):
    text = pytest.importorskip("torchmetrics.functional.text")
    made, truth = sentences(seed), sentences(seed + 50)
    assert metric("wer")(made, truth)["wer"] == pytest.approx(
        100 * float(text.word_error_rate(made, truth)), abs=1e-4
    )


def test_word_errors_of_long_sentences_do_not_overflow():
    assert metric("wer")([""], [" ".join(["x"] * 700)])["wer"] == 100
    assert edit_distance(list("kitten"), list("sitting")) == 3
    assert common_length(list("abcbdab"), list("bdcaba")) == 4


@pytest.mark.parametrize("name", ["bleu", "rouge_l", "chrf", "wer"])
def test_an_empty_hypothesis_is_wrong_and_an_empty_reference_is_refused(name):
    best = metric(name)(TRUTH, TRUTH)
    worse = metric(name)(["", *TRUTH[1:]], TRUTH)
    sign = 1 if metric(name).higher_is_better else -1
    assert all(sign * worse[key] < sign * best[key] for key in best)
    assert metric(name).remark(["", *TRUTH[1:]], TRUTH) == "1 of 3 hypotheses are empty and count as wrong."
    with pytest.raises(signvip.DataError, match="empty reference"):
        metric(name)(TRUTH, ["", *TRUTH[1:]])


def test_sets_of_different_size_are_refused():
    with pytest.raises(signvip.DataError, match="2 generated clips and 3 true"):
        metric("bleu")(TRUTH[:2], TRUTH)
    with pytest.raises(signvip.DataError, match="no clips"):
        metric("wer")([], [])


def test_one_text_is_no_list_and_a_list_of_references_is_no_text():
    with pytest.raises(signvip.DataError, match="put it in a list"):
        metric("bleu")(TRUTH[0], TRUTH[0])
    with pytest.raises(signvip.DataError, match=r"\['a'\] is not a text"):
        metric("rouge_l")(["a"], [["a"]])
