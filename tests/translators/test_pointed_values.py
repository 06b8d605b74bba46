"""A pointer of the translator of values: as that of `gpt2`, whose loss alone an ablation is to compare with."""

from __future__ import annotations

import pytest
import torch
from signvip_translators.cached_decoding import CachedDecoding
from signvip_translators.pointer import Pointer
from signvip_translators.regression import RegressionTranslator
from torch.nn.utils.rnn import pad_sequence

from signvip.errors import ConfigError

TEXTS = ["rain", "no wind", "Ωß snow"]
LETTERS = {"a": (8, 0), "b": (0, 8), "c": (2, 6), "d": (6, 2), "-": (4, 4)}
"""A made-up alphabet of two tokens, each for two frames."""
SIZES = {"layers": 2, "width": 32, "heads": 2, "max_frames": 24, "max_bytes": 24, "levels": (3, 3)}
POINTED = {**SIZES, "text_encoder": "bytes", "alignment": "pointer", "dropout": 0.0, "sampling_rate": 0.0}


def build(**options):
    torch.manual_seed(0)
    config = RegressionTranslator.Config(**{**POINTED, **options})
    return RegressionTranslator(config, tokens_per_frame=2, vocab_size=9).eval()


def tokens(batch, frames):
    return torch.randint(9, (batch, frames, 2), generator=torch.Generator().manual_seed(0))


def spelled(word):
    alignment = [place for place in range(len(word)) for _ in range(2)]
    rows = [LETTERS[word[place]] for place in alignment] + [LETTERS["-"]]
    return torch.tensor(rows), torch.tensor([*alignment, -1])


def losses(model, words):
    rows, places = zip(*map(spelled, words), strict=True)
    lengths = torch.tensor([len(row) for row in rows])
    alignment = pad_sequence(places, batch_first=True, padding_value=-1)
    return model.loss(list(words), pad_sequence(rows, batch_first=True), lengths, alignment=alignment)


def test_it_has_the_pointer_of_the_token_translator():
    assert isinstance(build().pointer, Pointer)
    assert build(alignment="attention").pointer is None
    with pytest.raises(ConfigError, match=r"set translator\.text_encoder=bytes"):
        build(text_encoder="hashed")


def test_a_frame_is_told_the_letter_of_the_next_and_none_before_knows():
    model, frames = build(), tokens(1, 6)
    prefix, mask = model.prefix(["rain"], None)

    def predicted(places):
        pointed = model.pointer.point(prefix, mask, torch.tensor([places]))
        return model.predict(prefix, mask, model._values(frames), pointed)[0][0]

    change = (predicted([0, 0, 1, 1, 2, -1]) - predicted([0, 0, 1, 2, 2, -1])).abs().amax(-1)
    assert change[:3].max() == 0 and change[3:].min() > 1e-5


def test_steps_are_those_of_training_on_the_letters_that_they_chose():
    model, values = build(), build()._values(tokens(1, 5))
    prefix, mask = model.prefix(["rain"], None)
    places = torch.tensor([[0, 0, 1, 3, -1]])
    decoding = CachedDecoding(model, ["rain"], None)
    steps = [decoding.start()]
    for number in range(4):
        decoding.coming = places[:, number + 1 : number + 2] + 1  # number 0 is no letter
        steps.append(decoding.step(values[:, number]))
    made, ends = model.predict(prefix, mask, values, model.pointer.point(prefix, mask, places))
    torch.testing.assert_close(torch.cat(steps)[..., :-1].flatten(1), made[0, :5], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(torch.cat(steps)[..., -1], ends[0, :5], atol=1e-4, rtol=1e-4)


def test_every_trained_weight_gets_a_gradient():
    model = build(languages=("qaa", "qab"), sampling_rate=0.3).train()
    places = torch.tensor([[0, 0, 1, 2, 3, -1], [0, 1, -1, -1, -1, -1], [-1, 0, 1, 3, -1, -1]])
    languages, lengths = ["qaa", "qab", "qaa"], torch.tensor([6, 2, 4])
    loss, values = model.loss(TEXTS, tokens(3, 6), lengths, languages, alignment=places)
    loss.backward()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert 0 <= float(values["letter_accuracy"]) <= 1


def test_a_clip_that_was_cut_has_no_next_letter_to_learn():
    model, lengths, places = build(), torch.tensor([4]), torch.tensor([[0, 1, 2, 3]])

    def learned(ended):
        return model.loss(["rain"], tokens(1, 4), lengths, ended=torch.tensor([ended]), alignment=places)

    def gradient(ended):
        model.zero_grad()
        learned(ended)[0].backward()
        return model.pointer.nothing.grad.clone()

    assert not torch.allclose(gradient(True), gradient(False))
    _, values = learned(False)
    assert float(values["letter_accuracy"]) * 3 % 1 == pytest.approx(0, abs=1e-5)


def test_words_that_training_never_saw_are_spelled():
    """Forty-eight of the sixty-four words of three letters teach the other sixteen."""
    words = [a + b + c for a in "abcd" for b in "abcd" for c in "abcd"]
    order = torch.randperm(len(words), generator=torch.Generator().manual_seed(3)).tolist()
    seen, unseen = [words[n] for n in order[:48]], [words[n] for n in order[48:]]
    model = build(sampling_rate=0.2).train()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for step in range(160):
        optimizer.zero_grad()
        losses(model, [seen[(step * 12 + n) % len(seen)] for n in range(12)])[0].backward()
        optimizer.step()
    made = model.eval().generate(unseen, max_frames=24)
    right = [torch.equal(row, spelled(word)[0]) for word, row in zip(unseen, made, strict=True)]
    assert sum(right) >= 0.8 * len(unseen), f"{sum(right)} of {len(unseen)}"
    for word, row, known in zip(unseen, made, right, strict=True):
        assert not known or model.align(word, row) == spelled(word)[1].tolist()


def test_without_a_pointer_nobody_tells():
    assert build(alignment="attention").align("rain", tokens(1, 4)[0]) is None
