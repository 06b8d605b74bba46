"""Words, languages, and what the decoder reads and writes."""

from __future__ import annotations

import pytest
from transformers import PreTrainedTokenizerFast

import signvip
from signvip_lab.backtranslation.vocabulary import build_tokenizer, prompts, targets

TEXTS = ["It will rain in the North.", "Überall regnet es?"]


@pytest.fixture(scope="module")
def tokenizer():
    return build_tokenizer(TEXTS, ["en", "de"])


def test_words_are_those_that_the_metrics_count(tokenizer):
    ids = tokenizer("überall RAIN in the north.")["input_ids"]
    assert tokenizer.batch_decode([ids]) == ["überall rain in the north."]
    assert tokenizer("snow")["input_ids"] == [tokenizer.unk_token_id]
    assert tokenizer("north")["input_ids"] == [tokenizer.unk_token_id]  # the full stop belongs to the word


def test_padding_is_what_speech2text_takes_for_padding(tokenizer):
    assert (tokenizer.bos_token_id, tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 1, 2)


def test_equal_texts_in_any_order_give_equal_words(tokenizer):
    assert build_tokenizer(reversed(TEXTS), ["de", "en", "de"]).get_vocab() == tokenizer.get_vocab()


def test_the_language_is_read_and_not_written(tokenizer):
    read, wanted = targets(tokenizer, ["it will rain", "regnet es?"], ["en", "de"], max_words=10)
    assert tokenizer.batch_decode(read[:, 1:2]) == ["<en>", "<de>"]
    assert wanted[0].tolist() == [-100, *tokenizer("it will rain")["input_ids"], tokenizer.eos_token_id]
    assert wanted[1].tolist() == [
        -100,
        *tokenizer("regnet es?")["input_ids"],
        tokenizer.eos_token_id,
        -100,
    ]
    assert read[0, 2:].tolist() == wanted[0, 1:-1].tolist()


def test_long_texts_are_cut(tokenizer):
    read, wanted = targets(tokenizer, ["it will rain in the north."], ["en"], max_words=2)
    assert read.shape == wanted.shape == (1, 4) and wanted[0, -1] == tokenizer.eos_token_id


def test_a_language_that_training_never_saw_is_refused(tokenizer):
    with pytest.raises(signvip.MismatchError, match="writes de, en, and these clips have texts in fr"):
        prompts(tokenizer, ["en", "fr"])


def test_it_can_be_stored(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    stored = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert stored.get_vocab() == tokenizer.get_vocab()
    assert prompts(stored, ["de"]).tolist() == prompts(tokenizer, ["de"]).tolist()
    ids = [[0, *prompts(stored, ["de"])[0].tolist(), *stored("regnet es?")["input_ids"], 2, 1]]
    assert stored.batch_decode(ids, skip_special_tokens=True) == ["regnet es?"]
