"""The translator of continuous values: tokens and values, what its loss looks at, and that it learns."""

from __future__ import annotations

import pytest
import torch

import signvip
from signvip.errors import ConfigError
from signvip.testing import check_translator

SMALL = {
    "layers": 1,
    "width": 32,
    "heads": 2,
    "dropout": 0.0,
    "max_frames": 12,
    "max_words": 8,
    "text_layers": 1,
}


def build(levels=(4, 3), vocab_size=12, **options):
    return signvip.build(
        "translator",
        "regression",
        tokens_per_frame=3,
        vocab_size=vocab_size,
        **{**SMALL, "levels": levels, **options},
    )


def test_keeps_the_contract():
    check_translator(type(build()), **SMALL)


def test_tokens_are_fsqs_values_and_come_back():
    fsq = signvip.build("quantizer", "fsq", levels=[4, 3])
    tokens = torch.arange(12).reshape(1, 4, 3)
    values = build()._values(tokens)
    assert torch.allclose(values.reshape(12, 2), fsq.decode(tokens)[0].flatten(1).T)
    assert torch.equal(build()._tokens(values), tokens)
    assert torch.equal(build()._tokens(values + 0.2), tokens)


def test_levels_that_do_not_fit_the_quantizer_are_a_sentence():
    with pytest.raises(ConfigError, match=r"set translator\.levels to quantizer\.levels"):
        build(levels=(4, 4))


def test_a_clip_that_was_cut_teaches_no_end():
    translator, tokens = build(sampling_rate=0.0), torch.randint(0, 12, (1, 5, 3))
    translator.loss(["rain"], tokens, torch.tensor([5]), ended=torch.tensor([False]))[0].backward()
    ends = translator.heads.classify.bias.grad[..., -1]
    cut = ends.clone()
    translator.zero_grad(set_to_none=False)
    translator.loss(["rain"], tokens[:, :4], torch.tensor([4]), ended=torch.tensor([True]))[0].backward()
    assert (cut > 0).all() and (ends < cut).all()  # the whole clip pulls towards an end, the cut one never


def test_learns_two_sentences_and_where_they_end():
    torch.manual_seed(0)
    translator = build(sampling_rate=0.0)
    texts, lengths = ["rain", "snow in the north"], torch.tensor([3, 5])
    tokens = torch.randint(0, 12, (2, 5, 3))
    optimizer = torch.optim.Adam(translator.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        translator.loss(texts, tokens, lengths)[0].backward()
        optimizer.step()
    made = translator.generate(texts, max_frames=12)
    assert torch.equal(made[0], tokens[0, :3]) and torch.equal(made[1], tokens[1])


def test_cached_generation_equals_a_full_pass():
    torch.manual_seed(0)
    translator = build().eval()
    (made,) = translator.generate(["snow in the north"], max_frames=6)
    prefix, mask = translator.prefix(["snow in the north"], None)
    values, ends = translator.predict(prefix, mask, translator._values(made[None, :-1]))
    assert torch.equal(translator._tokens(values)[0], made)
    assert (ends[0, 1:].gt(0).float().mean(-1) <= 0.5).all()  # by a majority nothing ended before


def test_its_heads_are_those_of_the_token_translator():
    levels, options = (5, 5, 5, 5), {"head_width": 16, "head_heads": 2}
    tokens = signvip.build(
        "translator", "gpt2", tokens_per_frame=6, vocab_size=625, **{**SMALL, **options}
    ).heads
    values = signvip.build(
        "translator", "regression", tokens_per_frame=6, vocab_size=625, levels=levels, **{**SMALL, **options}
    ).heads
    assert type(values) is type(tokens) and (values.count, values.attention_heads) == (6, 2)
    shapes = [
        {name: weight.shape for name, weight in heads.named_parameters() if "classify" not in name}
        for heads in (tokens, values)
    ]
    assert shapes[0] == shapes[1]
    assert (tokens.classify.weight.shape, values.classify.weight.shape) == ((6, 16, 626), (6, 16, 5))


def test_numbers_share_a_head_as_the_channels_of_a_code_do():
    def heads(count, **options):
        return signvip.build(
            "translator", "regression", tokens_per_frame=count, vocab_size=1024, **SMALL, **options
        ).heads

    assert (heads(8).count, heads(8).classify.weight.shape[-1]) == (2, 5)
    assert heads(6).count == 3 and heads(6, tokens_per_head=1).count == 6
    with pytest.raises(ConfigError, match=r"6 tokens do not divide .* set translator.tokens_per_head"):
        heads(6, tokens_per_head=4)


def test_inputs_are_true_values_or_its_own_predictions_and_never_noise(monkeypatch):
    torch.manual_seed(0)
    translator, seen = build(sampling_rate=0.4), []
    honest = translator._states
    monkeypatch.setattr(translator, "_states", lambda *given: seen.append(given[2]) or honest(*given))
    tokens, lengths = torch.randint(0, 12, (8, 12, 3)), torch.full((8,), 12)
    translator.loss(["rain"] * 8, tokens, lengths)
    true, mixed = seen
    prefix, mask = translator.prefix(["rain"] * 8, None)
    own = translator.predict(prefix, mask, true)[0][:, :-1].clamp(-1, 1)
    replaced = mixed != true
    assert torch.equal(true, translator._values(tokens)) and 0.35 < float(replaced.float().mean()) < 0.45
    assert torch.allclose(mixed[replaced], own[replaced], atol=1e-6) and not mixed.requires_grad
    seen.clear()
    translator.eval().loss(["rain"] * 8, tokens, lengths)
    assert len(seen) == 1 and torch.equal(seen[0], true)


def test_a_stored_translator_with_the_old_heads_is_refused_in_a_sentence(tmp_path):
    from safetensors.torch import load_file, save_file

    from signvip.errors import RunError
    from signvip.models import TokenTranslator

    options = {**SMALL, "levels": [4, 3]}
    TokenTranslator("regression", 3, 12, options).save_pretrained(tmp_path)
    assert TokenTranslator.from_pretrained(tmp_path).network.heads.count == 3
    (file,) = tmp_path.glob("*.safetensors")
    weights = {name: value for name, value in load_file(file).items() if ".heads." not in name}
    weights["network.head.weight"] = torch.zeros(6, 32)
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(
        RunError, match=r"another make than 'regression' is now .* signvip train --stage 3 --fresh"
    ):
        TokenTranslator.from_pretrained(tmp_path)


def test_texts_that_did_not_end_are_told_of(caplog):
    translator = build()
    with torch.no_grad():
        translator.heads.classify.bias[..., -1] = -9
    (made,) = translator.generate(["rain"], max_frames=4)
    assert len(made) == 4 and "1 of the texts did not end within 4 frames" in caplog.text
