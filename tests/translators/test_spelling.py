"""Words that training never saw are spelled letter by letter by a translator that reads bytes."""

from __future__ import annotations

import random

import pytest
import torch
from signvip_translators.gpt2 import Gpt2Translator

LETTERS = "abcdїß"
SIZES = {"layers": 1, "width": 48, "heads": 4, "text_layers": 1, "max_frames": 8, "dropout": 0.0}


def spelled(word):
    """One frame a letter: tokens (F, 1)."""
    return torch.tensor([[LETTERS.index(letter)] for letter in word])


@pytest.mark.parametrize(("encoder", "least", "most"), [("bytes", 0.8, 1.0), ("hashed", 0.0, 0.3)])
def test_unseen_words_are_spelled_from_bytes_and_not_from_whole_words(encoder, least, most):
    numbers = random.Random(0)

    def words(count):
        return ["".join(numbers.choices(LETTERS, k=numbers.randint(3, 5))) for _ in range(count)]

    unseen = sorted(set(words(40)))
    config = Gpt2Translator.Config(
        **SIZES, text_encoder=encoder, max_bytes=12, max_words=4, sampling_rate=0.0
    )
    model = Gpt2Translator(config, tokens_per_frame=1, vocab_size=len(LETTERS))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    for _ in range(120):
        texts = [word for word in words(24) if word not in unseen]
        tokens = [spelled(word) for word in texts]
        lengths = torch.tensor([len(rows) for rows in tokens])
        loss, _ = model.loss(texts, torch.nn.utils.rnn.pad_sequence(tokens, batch_first=True), lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = model.eval().generate(unseen, max_frames=8)
    right = [torch.equal(tokens, spelled(word)) for tokens, word in zip(found, unseen, strict=True)]
    assert least <= sum(right) / len(right) <= most
