"""What wrong conditions and references are made of."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from signvip.generate import GenerateOptions
from signvip_lab.evaluation.chain import Chain
from signvip_lab.evaluation.making import OTHER_REFERENCE, SHUFFLED, WITHOUT, make


@pytest.fixture
def chain(trained, monkeypatch):
    """A chain whose videos are what they would be made of: conditions, and a reference picture."""
    made = Chain.open(trained.run, trained.shards, "test", GenerateOptions())
    monkeypatch.setattr(made, "generate", lambda text, reference, seed: (reference[None], torch.zeros(1, 1)))
    monkeypatch.setattr(made, "embed", lambda drawn: drawn)
    monkeypatch.setattr(made, "guidance", lambda drawn: drawn)
    monkeypatch.setattr(made, "video", lambda e, reference, seed: (e, reference))
    monkeypatch.setattr("signvip_lab.evaluation.making.tokens_of", lambda *_: torch.zeros(1, 1))
    return made


def test_each_contrast_changes_one_thing_and_nothing_else(chain):
    clip = make(chain, 0, 0, pixels=True, contrasts=True)
    drawn, reference = clip.rebuilt
    names = list(chain.run.config.conditions)
    assert set(clip.contrasts) == {SHUFFLED, OTHER_REFERENCE, *map(WITHOUT.format, names)}
    for name, (wrong, picture) in clip.contrasts.items():
        assert torch.equal(wrong, drawn) == (name == OTHER_REFERENCE)
        assert np.array_equal(picture, reference) == (name != OTHER_REFERENCE)
    assert np.array_equal(clip.contrasts[OTHER_REFERENCE][1], chain.truth(1)[-1])
    for place, name in enumerate(names):
        wrong, _ = clip.contrasts[WITHOUT.format(name)]
        own = slice(3 * place, 3 * place + 3)
        assert not wrong[:, own].any() and drawn[:, own].any()
        wrong[:, own] = drawn[:, own]
        assert torch.equal(wrong, drawn)


def test_shuffled_conditions_are_the_same_in_another_order(chain):
    clip = make(chain, 0, 0, pixels=True, contrasts=True)
    drawn, wrong = clip.rebuilt[0], clip.contrasts[SHUFFLED][0]
    assert sorted(frame.sum().item() for frame in drawn) == sorted(frame.sum().item() for frame in wrong)


@pytest.mark.parametrize("pixels", [True, False])
@pytest.mark.parametrize("told_apart", [True, False])
def test_a_text_is_signed_in_the_language_of_its_clip(trained, monkeypatch, pixels, told_apart):
    chain = Chain.open(trained.run, trained.shards, "test", GenerateOptions())
    monkeypatch.setattr(chain.pipe.translator.network, "languages", ("tsa", "tsb") if told_apart else ())
    asked = []

    def generate(texts, *, languages=None, **_):
        asked.append((list(texts), languages))
        return [torch.zeros(2, chain.pipe.autoencoder.tokens_per_frame, dtype=torch.long)]

    monkeypatch.setattr(chain.pipe.translator, "generate", generate)
    make(chain, 0, 0, pixels=pixels)
    info = chain.clips.info(0)
    assert asked == [([info["text"]], [info["language"]] if told_apart else None)]
