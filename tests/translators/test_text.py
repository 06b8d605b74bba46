from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from pretrained import write_sentence_encoder
from signvip_translators.prefix import TextPrefix, left_padded
from signvip_translators.text_encoders import ByteTextEncoder, HashedTextEncoder, PretrainedTextEncoder

from signvip.errors import ConfigError, DataError


@pytest.fixture
def hashed():
    torch.manual_seed(0)
    return HashedTextEncoder(width=16, layers=1, heads=2, dropout=0.0, buckets=512, max_words=8).eval()


@pytest.fixture
def by_bytes():
    torch.manual_seed(0)
    return ByteTextEncoder(width=16, layers=1, heads=2, dropout=0.0, max_bytes=24).eval()


@pytest.fixture
def clip_folder(tmp_path):
    """A CLIP text model of two layers with a tokenizer of single letters, as transformers saves them."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (tmp_path / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(words)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer.from_pretrained(str(tmp_path), model_max_length=12)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPTextConfig(vocab_size=len(words), max_position_embeddings=12, eos_token_id=1, **sizes)
    torch.manual_seed(0)
    CLIPTextModel(config).save_pretrained(tmp_path / "clip")
    tokenizer.save_pretrained(tmp_path / "clip")
    return str(tmp_path / "clip")


@pytest.fixture
def bert_folder(tmp_path):
    """A DistilBERT with mean pooling and a dense layer, as sentence-transformers stores them."""
    return str(write_sentence_encoder(tmp_path / "bert", width=16, out=6))


def test_a_text_is_encoded_alike_alone_and_beside_a_longer_one(hashed):
    alone, beside = hashed(["rain"]), hashed(["rain", "strong wind from the north"])
    assert beside.mask.sum(1).tolist() == [2, 6]  # words and the state that ends the text
    torch.testing.assert_close(beside.states[0, :2], alone.states[0])
    torch.testing.assert_close(beside.sentence[0], alone.sentence[0])


@pytest.mark.parametrize("texts", [["rain", "strong wind"], ["Ω", "Київ й ґ"], ["ب", "字🙂"]])
def test_bytes_of_any_script_are_encoded_alike_alone_and_beside_others(by_bytes, texts):
    alone, beside = by_bytes(texts[:1]), by_bytes(texts)
    counts = [len(text.encode()) + 1 for text in texts]  # and the state that ends the text
    assert beside.mask.sum(1).tolist() == counts
    torch.testing.assert_close(beside.states[0, : counts[0]], alone.states[0])
    torch.testing.assert_close(beside.sentence[0], alone.sentence[0])


def test_every_letter_its_place_and_a_full_stop_change_what_the_bytes_say(by_bytes):
    texts = ["anna", "anne", "nana", "anna.", "zqxv"]
    sentences = by_bytes(texts).sentence
    for one, other in itertools.combinations(range(len(texts)), 2):
        assert (sentences[one] - sentences[other]).abs().max() > 1e-2, (texts[one], texts[other])


def test_words_and_their_order_change_the_states(hashed):
    encoded = hashed(["wind then rain", "rain then wind", "wind then snow"]).sentence
    assert (encoded[0] - encoded[1]).abs().max() > 1e-3
    assert (encoded[0] - encoded[2]).abs().max() > 1e-3


def test_left_padding_keeps_every_state_and_its_order():
    states, mask = torch.arange(6.0).view(2, 3, 1), torch.tensor([[1, 1, 0], [1, 1, 1]]).bool()
    moved, moved_mask = left_padded(states, mask)
    assert moved[..., 0].tolist() == [[0, 0, 1], [3, 4, 5]]
    assert moved_mask.tolist() == [[False, True, True], [True, True, True]]


def test_the_sentence_prefix_is_one_state(hashed):
    states, mask = TextPrefix(hashed, 16, 24, "sentence", ())(["rain", "wind and rain"], None)
    assert states.shape == (2, 1, 24) and mask.all()


def test_a_frozen_clip_encoder_gives_states_and_is_no_weight_of_ours(clip_folder):
    encoder = PretrainedTextEncoder(clip_folder, width=16, max_words=12)
    encoded = encoder(["rain", "wind go"])
    assert encoded.states.shape == (2, 8, 16) and encoded.sentence.shape == (2, 16)
    torch.testing.assert_close(encoded.sentence[0], encoded.states[0, encoded.mask[0].sum() - 1])
    torch.testing.assert_close(encoder(["rain"]).sentence[0], encoded.sentence[0], atol=1e-5, rtol=1e-5)
    assert not encoder.state_dict() and not list(encoder.parameters()) and not encoded.states.requires_grad


def test_a_clip_encoder_refuses_too_many_word_pieces(clip_folder):
    with pytest.raises(DataError, match="reads 12 words or word pieces"):
        PretrainedTextEncoder(clip_folder, width=16, max_words=128)(["thunderstorms"])


def test_another_width_is_named(clip_folder):
    with pytest.raises(ConfigError, match="text_width=16"):
        PretrainedTextEncoder(clip_folder, width=512, max_words=12)(["rain"])


def test_a_missing_encoder_says_where_one_comes_from(tmp_path):
    with pytest.raises(DataError, match=r"clip-vit-base-patch32 \(MIT\)"):
        PretrainedTextEncoder(str(tmp_path / "nothing"), width=16, max_words=12)(["rain"])


def test_a_clip_encoder_projects_into_the_shared_space(clip_folder):
    from transformers import CLIPTextModelWithProjection, CLIPTokenizer

    encoder = PretrainedTextEncoder(clip_folder, width=16, max_words=12)
    with pytest.raises(ConfigError, match="text_width=512"):
        PretrainedTextEncoder(clip_folder, width=16, max_words=12, space="projected")(["rain"])
    torch.manual_seed(0)
    CLIPTextModelWithProjection(
        CLIPTextModelWithProjection.config_class.from_pretrained(clip_folder, projection_dim=6)
    ).save_pretrained(clip_folder)
    model = CLIPTextModelWithProjection.from_pretrained(clip_folder)
    pieces = CLIPTokenizer.from_pretrained(clip_folder)(["rain"], return_tensors="pt")
    encoder = PretrainedTextEncoder(clip_folder, width=6, max_words=12, space="projected")
    torch.testing.assert_close(encoder(["rain"]).sentence, model(**pieces).text_embeds)


def test_a_sentence_vector_goes_through_the_dense_layer_beside_it(bert_folder):
    from safetensors.torch import load_file

    own = PretrainedTextEncoder(bert_folder, width=16, max_words=12)(["rain"]).sentence
    dense = load_file(f"{bert_folder}/2_Dense/model.safetensors")["linear.weight"]
    encoder = PretrainedTextEncoder(bert_folder, width=6, max_words=12, space="projected")
    torch.testing.assert_close(encoder(["rain"]).sentence, own @ dense.T)


def test_a_sentence_vector_is_the_mean_over_its_own_word_pieces(bert_folder):
    encoder = PretrainedTextEncoder(bert_folder, width=16, max_words=12)
    alone, beside = encoder(["rain"]), encoder(["rain", "wind rain"])
    assert beside.mask[0].sum() == alone.mask.sum() < beside.mask.shape[1]
    torch.testing.assert_close(alone.sentence, alone.states.mean(1))
    torch.testing.assert_close(beside.sentence[0], alone.sentence[0])


def test_an_encoder_without_a_projection_is_named(bert_folder):
    Path(bert_folder, "2_Dense", "model.safetensors").unlink()
    with pytest.raises(DataError, match="text_space=own"):
        PretrainedTextEncoder(bert_folder, width=6, max_words=12, space="projected")(["rain"])
