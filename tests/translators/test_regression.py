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
    cut = translator.end.bias.grad.clone()
    translator.zero_grad()
    translator.loss(["rain"], tokens[:, :4], torch.tensor([4]), ended=torch.tensor([True]))[0].backward()
    assert 0 < cut and translator.end.bias.grad < cut  # the whole clip pulls towards an end, the cut one never


def test_learns_two_sentences_and_where_they_end():
    torch.manual_seed(0)
    translator = build(sampling_rate=0.0)
    texts, lengths = ["rain", "snow in the north"], torch.tensor([3, 5])
    tokens = torch.randint(0, 12, (2, 5, 3))
    optimizer = torch.optim.Adam(translator.parameters(), lr=3e-3)
    for _ in range(250):
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
    from signvip_translators.trunk import run_trunk

    frames = translator.mixer(translator._values(made[None, :-1]))
    states = run_trunk(translator.trunk, prefix, mask, frames, translator.first_place)
    assert torch.equal(translator._tokens(translator.head(states))[0], made)
