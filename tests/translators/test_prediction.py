"""Digits of a code in the place of one softmax over all: the same likelihood, loss, choice and refusals."""

from __future__ import annotations

import pytest
import torch
from signvip_translators import frame_loop
from signvip_translators.frame_loop import Chooser
from signvip_translators.gpt2 import CachedDecoding, Gpt2Translator
from signvip_translators.static import StaticDecoding
from signvip_translators.token_loss import IGNORED, Codes, Digits, predicting
from small import small_config
from torch.nn import functional

import signvip
from signvip.errors import ConfigError
from signvip.footprint.parameters import meta_networks
from signvip.models import TokenTranslator

LEVELS = (3, 2, 5)  # all different: an order mistaken is another code
TEXTS = ("rain", "tomorrow it will be mild")
SMALL = {"layers": 1, "width": 16, "heads": 2, "max_words": 8, "text_buckets": 64, "max_frames": 12}


def likelihoods(outputs):
    """Written out: a code is not the end, and its first digit counts fastest."""
    first, second, third, end = outputs.double().split([*LEVELS, 1], dim=-1)
    codes = [
        first.softmax(-1)[..., token % 3]
        * second.softmax(-1)[..., token // 3 % 2]
        * third.softmax(-1)[..., token // 6]
        * (1 - end[..., 0].sigmoid())
        for token in range(30)
    ]
    return torch.stack([*codes, end[..., 0].sigmoid()], dim=-1)


def some_outputs(*shape):
    torch.manual_seed(3)
    return 2 * torch.randn(*shape, Digits(LEVELS).outputs)


def test_logits_are_the_likelihoods_of_all_codes_and_the_end():
    outputs = some_outputs(4, 2)
    found = Digits(LEVELS).logits(outputs)
    assert found.shape == (4, 2, 31)
    torch.testing.assert_close(found.exp().double(), likelihoods(outputs))
    torch.testing.assert_close(found.exp().sum(-1), torch.ones(4, 2))


def test_the_loss_is_the_cross_entropy_of_those_logits_without_padding():
    outputs = some_outputs(62).requires_grad_()
    targets = torch.cat([torch.arange(31), torch.arange(31)]).masked_fill(torch.arange(62) % 5 == 0, IGNORED)
    own = Digits(LEVELS).loss(outputs, targets)
    plain = functional.cross_entropy(Digits(LEVELS).logits(outputs), targets, ignore_index=IGNORED)
    torch.testing.assert_close(own, plain)
    gradients = [torch.autograd.grad(loss, outputs, retain_graph=True)[0] for loss in (own, plain)]
    torch.testing.assert_close(*gradients)


def test_the_best_is_the_likeliest_code_or_the_end():
    outputs = some_outputs(500)
    outputs[:, -1] -= 3  # else nearly all would end: a code shares its likelihood with 29 others
    best = Digits(LEVELS).best(outputs)
    assert torch.equal(best, Digits(LEVELS).logits(outputs).argmax(-1))
    assert 0 < (best == 30).sum() < 250


def test_codes_are_predicted_as_ever():
    outputs, targets = torch.randn(5, 32), torch.tensor([0, 30, 7, IGNORED, 29])
    codes = Codes(30, padded=True)
    torch.testing.assert_close(codes.loss(outputs, targets), functional.cross_entropy(outputs, targets))
    assert torch.equal(codes.logits(outputs), outputs[:, :31]) and codes.outputs == 32
    assert torch.equal(codes.best(outputs), outputs.argmax(-1))


@pytest.fixture
def translator():
    torch.manual_seed(0)
    config = Gpt2Translator.Config(**SMALL, prediction="digits", dropout=0.0, sampling_rate=0.0)
    model = Gpt2Translator(config, tokens_per_frame=4, vocab_size=30, digits=LEVELS).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        model.heads.classify.bias[
            ..., -1
        ] = -4  # with any weights one of 30 codes is less likely than the end
    return model


def test_heads_have_an_output_for_each_level_of_each_digit_and_the_end(translator):
    assert translator.heads.classify.weight.shape[2] == 3 + 2 + 5 + 1
    assert translator.logits(TEXTS, torch.zeros(2, 3, 4, dtype=torch.long)).shape == (4, 2, 4, 31)


def test_equation_7_is_the_mean_over_all_tokens_and_ends(translator):
    tokens, lengths = torch.randint(30, (2, 5, 4)), torch.tensor([5, 3])
    likelihood = translator.logits(TEXTS, tokens).log_softmax(-1)
    parts = []
    for row, length in enumerate(lengths.tolist()):
        wanted = torch.cat([tokens[row, :length], torch.full((1, 4), 30)])
        parts.append(-likelihood[:, row, : length + 1].permute(1, 0, 2).gather(-1, wanted[..., None]))
    loss, values = translator.loss(TEXTS, tokens, lengths)
    torch.testing.assert_close(loss, torch.cat(parts).mean())
    best = translator.logits(TEXTS, tokens).argmax(-1).permute(1, 2, 0)[:, :-1]
    right = [best[row, :length] == tokens[row, :length] for row, length in enumerate(lengths)]
    torch.testing.assert_close(values["token_accuracy"], torch.cat(right).float().mean())


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_frames_of_the_caches_are_those_of_the_whole_clip(translator, temperature):
    """Greedy and sampled: growing caches, buffers for a compiled step, and the whole clip anew for each frame."""

    def decode(decoding):
        generators = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
        return frame_loop.decode(decoding, Chooser(temperature, 8, generators), "majority", 6)

    class Whole:
        def start(self):
            self.frames = torch.zeros(2, 0, 4, dtype=torch.long)
            return translator.logits(TEXTS, self.frames)[:, :, -1].transpose(0, 1)

        def step(self, tokens):
            self.frames = torch.cat([self.frames, tokens[:, None]], dim=1)
            return translator.logits(TEXTS, self.frames)[:, :, -1].transpose(0, 1)

    with torch.no_grad():
        whole = decode(Whole())
        cached = decode(CachedDecoding(translator, TEXTS, None))
        static = decode(StaticDecoding(translator, 2, 6, compile=lambda step: step).begin(TEXTS, None))
    for ours in (cached, static):
        assert all(torch.equal(a, b) for a, b in zip(ours, whole, strict=True))
    assert max(len(rows) for rows in whole) > 1


def test_top_k_is_of_codes_not_of_digits(translator):
    """The one likeliest code, at any temperature, is the greedy one."""
    greedy = translator.generate(TEXTS, max_frames=3)
    sampled = translator.generate(
        TEXTS, max_frames=3, temperature=0.7, top_k=1, generator=torch.Generator().manual_seed(0)
    )
    assert all(torch.equal(a[0], b[0]) for a, b in zip(greedy, sampled, strict=True))


def test_what_is_learned_of_a_digit_holds_for_codes_that_training_never_saw():
    """Two words teach a digit each; the word with both is a code of neither."""
    torch.manual_seed(0)
    outputs = torch.zeros(1, Digits((2, 2)).outputs, requires_grad=True)
    optimizer = torch.optim.Adam([outputs], 0.1)
    for _ in range(50):
        loss = Digits((2, 2)).loss(outputs.expand(3, -1), torch.tensor([1, 2, 3]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert Digits((2, 2)).logits(outputs).argmax() == 3


def test_a_translator_is_told_the_digits_of_its_codec_and_keeps_them(tmp_path):
    model = TokenTranslator("gpt2", 4, 30, {**SMALL, "prediction": "digits"}, LEVELS).eval()
    model.save_pretrained(tmp_path)
    again = TokenTranslator.from_pretrained(tmp_path)
    ask = {"max_frames": 4}
    assert torch.equal(again.generate(["rain"], **ask)[0], model.generate(["rain"], **ask)[0])


def test_a_run_gives_its_translator_the_digits_of_its_quantizer():
    config = small_config(translator={"prediction": "digits"}, quantizer={"levels": [3, 2]})
    translator = meta_networks(config).translator
    assert translator.config["digits"] == (3, 2) and translator.network.prediction.levels == (3, 2)
    with pytest.raises(ConfigError, match="not made of digits"):
        meta_networks(small_config(translator={"prediction": "digits"}, quantizer={"name": "vq"}))


@pytest.mark.parametrize(
    ("levels", "padded", "cure"),
    [
        (None, False, "quantizer.name=fsq"),
        ((5, 5), False, "quantizer.name=fsq"),
        (LEVELS, True, "special_ids=eos"),
    ],
)
def test_tokens_without_digits_are_refused(levels, padded, cure):
    with pytest.raises(ConfigError, match=cure):
        predicting("digits", 30, levels, padded)


def test_what_a_quantizer_of_the_package_has_for_digits():
    assert signvip.build("quantizer", "fsq", levels=[8, 5]).digits == (8, 5)
    assert getattr(signvip.build("quantizer", "vq"), "digits", None) is None
    with pytest.raises(ConfigError, match="values are predicted"):
        signvip.build(
            "translator", "regression", tokens_per_frame=4, vocab_size=30, prediction="digits", **SMALL
        )
