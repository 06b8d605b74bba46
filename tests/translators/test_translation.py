"""`TokenTranslator`: any translator plugin, saved and loaded as diffusers does."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import signvip
from signvip.errors import ConfigError, PluginError
from signvip.models import translation
from signvip.models.translation import TokenTranslator

SIZES = {"layers": 1, "width": 16, "heads": 2, "max_frames": 12, "max_words": 8, "text_buckets": 64}


class Tied(nn.Module):
    """A third party's translator with one matrix under two names, and no notion of languages."""

    Config = signvip.Config

    def __init__(self, config, tokens_per_frame, vocab_size):
        super().__init__()
        self.embed, self.classify = nn.Embedding(vocab_size, 4), nn.Linear(4, vocab_size, bias=False)
        self.classify.weight = self.embed.weight

    def loss(self, texts, tokens, lengths):
        return self.classify(self.embed(tokens)).square().mean(), {}

    def generate(self, texts, *, max_frames, temperature=0.0, top_k=None, generator=None):
        if temperature > 0:
            return [torch.randint(20, (max_frames, 3), generator=generator) for _ in texts]
        return [self.classify.weight.argmax(0, keepdim=True) for _ in texts]


@pytest.mark.parametrize(
    "choice",
    [{"positions": "learned"}, {"positions": "sinusoidal"}, {"text_encoder": "bytes", "max_bytes": 9}],
)
def test_it_comes_back_as_it_was_saved(tmp_path, choice):
    torch.manual_seed(0)
    options = {**SIZES, **choice, "languages": ("qaa", "qab")}
    model = TokenTranslator("gpt2", 3, 20, options).eval()
    model.save_pretrained(tmp_path)
    again = TokenTranslator.from_pretrained(tmp_path)
    assert not again.training and (tmp_path / "diffusion_pytorch_model.safetensors").is_file()
    for key, value in model.state_dict().items():
        assert torch.equal(again.state_dict()[key], value), key
    ask = {"max_frames": 5, "languages": ["qab"]}
    assert torch.equal(again.generate(["rain"], **ask)[0], model.generate(["rain"], **ask)[0])


def test_it_is_called_as_its_loss():
    model = TokenTranslator("gpt2", 3, 20, SIZES).eval()
    batch = ["rain"], torch.randint(20, (1, 4, 3)), torch.tensor([4])
    assert model(*batch)[0] == model.loss(*batch)[0]


def test_a_translator_with_a_pointer_is_told_the_letters():
    sizes = {**SIZES, "text_encoder": "bytes", "alignment": "pointer"}
    model = TokenTranslator("gpt2", 3, 20, sizes).eval()
    batch = ["rain"], torch.randint(20, (1, 4, 3)), torch.tensor([4])
    told = model(*batch, alignment=torch.tensor([[0, 1, 2, 3]]))
    assert model.points and not TokenTranslator("gpt2", 3, 20, SIZES).points
    assert len(model.align("rain", batch[1][0])) == 4
    assert told[0] != model(*batch)[0] and 0 <= float(told[1]["letter_accuracy"]) <= 1


def test_a_third_partys_translator_with_tied_weights_can_be_saved(tmp_path, monkeypatch):
    monkeypatch.setattr(translation, "build", lambda kind, name, **sizes: Tied(None, **sizes))
    model = TokenTranslator("tied", 3, 20).eval()
    model.save_pretrained(tmp_path)
    again = TokenTranslator.from_pretrained(tmp_path)
    assert torch.equal(again.generate(["rain"], max_frames=5)[0], model.generate(["rain"], max_frames=5)[0])
    assert model.loss(["rain"], torch.zeros(1, 2, 3, dtype=torch.long), torch.tensor([2]))[0] > 0


def test_a_translator_that_knows_one_sign_language_is_not_told_of_others(monkeypatch):
    monkeypatch.setattr(translation, "build", lambda kind, name, **sizes: Tied(None, **sizes))
    model = TokenTranslator("tied", 3, 20)
    batch = ["rain"], torch.zeros(1, 2, 3, dtype=torch.long), torch.tensor([2])
    assert model.loss(*batch, languages=["qaa"])[0] == model.loss(*batch)[0]
    assert (
        model.loss(*batch, ended=torch.tensor([False]))[0] == model.loss(*batch)[0]
    )  # nor of clips cut short
    assert len(model.generate(["rain"], languages=["qaa"], max_frames=2)) == 1
    assert model.align("rain", batch[1][0], "qaa") is None


def test_one_that_takes_a_single_generator_is_asked_text_by_text(monkeypatch):
    monkeypatch.setattr(translation, "build", lambda kind, name, **sizes: Tied(None, **sizes))
    model, texts = TokenTranslator("tied", 3, 20), ["rain", "snow"]
    generators = [torch.Generator().manual_seed(seed) for seed in (5, 6)]
    made = model.generate(texts, max_frames=4, temperature=1.0, generator=generators)
    for text, seed, tokens in zip(texts, (5, 6), made, strict=True):
        generator = torch.Generator().manual_seed(seed)
        (alone,) = model.generate([text], max_frames=4, temperature=1.0, generator=generator)
        assert torch.equal(tokens, alone)
    assert len(model.generate(texts, max_frames=4, generator=generators)) == 2


def test_unknown_names_and_options_come_with_the_nearest():
    with pytest.raises(PluginError, match="did you mean 'gpt2'"):
        TokenTranslator("gpt", 3, 20)
    with pytest.raises(ConfigError, match="did you mean 'layers'"):
        TokenTranslator("gpt2", 3, 20, {"layer": 2})
