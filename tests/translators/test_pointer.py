"""A pointer: frames are told the letter that they sign, and the translator finds the next one by itself."""

from __future__ import annotations

import pytest
import torch
from signvip_translators.cached_decoding import CachedDecoding
from signvip_translators.words import byte_places

from signvip.errors import ConfigError

POINTED = {"alignment": "pointer", "text_encoder": "bytes", "max_bytes": 24, "dropout": 0.0}
TEXTS = ["rain", "no wind", "Ωß snow"]


def tokens(batch, frames, seed=0):
    return torch.randint(30, (batch, frames, 4), generator=torch.Generator().manual_seed(seed))


def spelled(word, rest=2):
    """A made-up alphabet: letter n shows the tokens n, 2n, 3n and 4n for two or three frames; rest is all zeros."""
    alignment = [place for place, letter in enumerate(word) for _ in range(2 + (ord(letter) % 2))]
    rows = [[(ord(word[place]) - ord("a") + 1) * n % 30 for n in (1, 2, 3, 4)] for place in alignment]
    return torch.tensor(rows + [[0] * 4] * rest), torch.tensor(alignment + [-1] * rest)


@pytest.mark.parametrize(
    ("text", "places"),
    [("abc", [0, 1, 2]), (" Ab  c", [0, 0, 1, 2, 3, 3]), ("Ωß.", [0, 2, 4]), ("ni\u0303o", [0, 1, 2, 3])],
)
def test_characters_are_found_among_the_bytes_that_the_encoder_reads(text, places):
    assert list(byte_places(text)) == places


def test_a_frame_is_told_the_letter_of_the_next_and_none_before_knows(build):
    model, frames = build(**POINTED), tokens(1, 6)
    places = torch.tensor([[0, 0, 1, 1, 2, -1]])
    other = places.clone()
    other[0, 3] = 2
    change = (
        model.logits(["rain"], frames, alignment=places) - model.logits(["rain"], frames, alignment=other)
    ).abs()
    moved = change.amax(dim=(0, 1, 3))
    assert moved[:3].max() == 0 and moved[3:].min() > 1e-5


def test_without_an_alignment_no_letter_is_signed(build):
    model, frames = build(**POINTED), tokens(3, 6)
    nowhere = torch.full((3, 6), -1)
    assert torch.equal(model.logits(TEXTS, frames), model.logits(TEXTS, frames, alignment=nowhere))


def test_a_text_in_a_batch_gives_the_same_as_alone(build):
    model, frames = build(**POINTED), tokens(3, 6)
    places = torch.tensor([[0, 0, 1, 2, 3, -1], [0, 1, 1, 3, 4, 6], [-1, 0, 1, 3, 3, 6]])
    together = model.logits(TEXTS, frames, alignment=places)
    for row, text in enumerate(TEXTS):
        one = slice(row, row + 1)
        alone = model.logits([text], frames[one], alignment=places[one])
        torch.testing.assert_close(together[:, one], alone, atol=1e-4, rtol=1e-4)
    made, single = (
        model.generate(TEXTS, max_frames=8),
        [model.generate([text], max_frames=8) for text in TEXTS],
    )
    for row, (alone,) in zip(made, single, strict=True):
        assert torch.equal(row, alone)


def test_nothing_that_is_not_of_the_text_can_be_pointed_at(build):
    model = build(**POINTED)
    letters = model.pointer.letters(*model.prefix(TEXTS, None))
    scores = model.pointer.scores(torch.randn(3, 5, 32), letters)
    assert letters.there.sum(1).tolist() == [
        1 + len(text.encode()) + 1 for text in TEXTS
    ]  # none, and the end
    chances = scores.softmax(-1)
    assert (chances > 0).equal(letters.there[:, None].expand_as(chances))


def test_steps_are_those_of_training_on_the_letters_that_they_chose(build):
    model, frames = build(**POINTED), tokens(1, 5)
    places = torch.tensor([[0, 0, 1, 3, -1]])
    with torch.no_grad():
        cached = CachedDecoding(model, ["rain"], None)
        steps = [cached.start()]
        for number in range(4):
            cached.coming = places[:, number + 1 : number + 2] + 1  # number 0 is no letter
            steps.append(cached.step(frames[:, number]))
        told = model.logits(["rain"], frames, alignment=places)[:, :, :5]
    torch.testing.assert_close(torch.stack(steps, dim=2).transpose(0, 1), told, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(("numbers", "signed"), [([1, 3, 5], [1, 1, 3, 4]), ([4, 0, 6], [3, 3, -1, -1])])
def test_frames_of_a_made_clip_tell_their_characters(build, monkeypatch, numbers, signed):
    """Number 0 is no letter, 1, 3 and 5 are the first bytes of a, Ω and b, and 6 is the end."""
    model, coming = build(**POINTED), iter(numbers)
    monkeypatch.setattr(
        model.pointer, "scores", lambda hidden, letters: -(torch.arange(7.0) - next(coming)).abs()[None, None]
    )
    assert model.align(" a Ωb", tokens(1, 4)[0]) == signed


def test_without_a_pointer_nobody_tells(build):
    assert build(text_encoder="bytes").align("rain", tokens(1, 4)[0]) is None


def test_a_clip_that_was_cut_has_no_next_letter_to_learn(build):
    model, lengths = build(**POINTED).eval(), torch.tensor([4])
    places = torch.tensor([[0, 1, 2, 3]])
    whole, cut = (
        model.loss(["rain"], tokens(1, 4), lengths, ended=torch.tensor([ended]), alignment=places)[1]
        for ended in (True, False)
    )
    assert float(whole["letter_accuracy"]) * 4 % 1 == pytest.approx(0, abs=1e-5)
    assert float(cut["letter_accuracy"]) * 3 % 1 == pytest.approx(0, abs=1e-5)


def test_every_trained_weight_gets_a_gradient(build):
    model = build(**POINTED, languages=("qaa", "qab")).train()
    places = torch.tensor([[0, 0, 1, 2, 3, -1], [0, 1, -1, -1, -1, -1], [-1, 0, 1, 3, -1, -1]])
    loss, values = model.loss(
        TEXTS, tokens(3, 6), torch.tensor([6, 2, 4]), ["qaa", "qab", "qaa"], alignment=places
    )
    loss.backward()
    assert [name for name, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    assert 0 <= float(values["letter_accuracy"]) <= 1


def test_words_that_training_never_saw_are_spelled(build):
    """Sixty short words of five letters teach thirty others; without a pointer it takes far longer."""
    random = torch.Generator().manual_seed(3)
    drawn = torch.randint(5, (90, 4), generator=random).tolist()
    words = list(dict.fromkeys("".join("abcde"[n] for n in word) for word in drawn))
    seen, unseen = words[:60], words[60:75]
    torch.manual_seed(0)
    model = build(**POINTED, sampling_rate=0.2).train()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for step in range(160):
        texts = [seen[(step * 12 + n) % len(seen)] for n in range(12)]
        rows, places = zip(*map(spelled, texts), strict=True)
        loss, _ = model.loss(
            texts,
            torch.nn.utils.rnn.pad_sequence(rows, batch_first=True),
            torch.tensor([len(row) for row in rows]),
            alignment=torch.nn.utils.rnn.pad_sequence(places, batch_first=True, padding_value=-1),
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    made = model.eval().generate(unseen, max_frames=24)
    right = [torch.equal(row, spelled(word)[0]) for word, row in zip(unseen, made, strict=True)]
    assert sum(right) >= 0.8 * len(unseen), f"{sum(right)} of {len(unseen)}"
    for word, row, known in zip(unseen, made, right, strict=True):
        assert not known or model.align(word, row) == spelled(word)[1].tolist()


@pytest.mark.parametrize("options", [{"text_encoder": "hashed"}, {"prefix": "sentence"}])
def test_a_text_without_a_state_for_each_letter_is_refused(build, options):
    with pytest.raises(ConfigError, match=r"set translator\.text_encoder=bytes"):
        build(**{**POINTED, **options})
