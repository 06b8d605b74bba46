"""Numbers of stages 2 and 3 over the dev split, written out: the same for any share of clips among processes."""

from __future__ import annotations

import pytest
import torch
from numbered import LENGTHS
from small import small_config
from test_reconstruction_loss import ShrinkingAutoencoder, embeddings_of
from test_reconstruction_loss import phase_of as stage_2
from test_text_batches import N, TokenClips
from torch import nn

from signvip.contracts import Quantized
from signvip.stages import text
from signvip.stages.text import TextPhase
from signvip.training.validation import Share, add

DEV = [9, 4, 12, 6, 8]


@pytest.fixture(autouse=True)
def dev(monkeypatch):
    monkeypatch.setitem(LENGTHS, "dev", DEV)


def measured(phase, folder, world=1):
    """What `world` processes find together."""
    whole = tuple(range(len(DEV)))
    return phase.scores(
        add([phase.measure(Share(whole, 1000, rank, world), folder) for rank in range(world)])
    )


class ParityAutoencoder(ShrinkingAutoencoder):
    """Its tokens are 0 or 1 by the first channel of an embedding, so that both are in use, unevenly."""

    def forward(self, e):
        tokens = (e[:, 0] > self.mean[0]).long()
        return self.share * e, Quantized(e, tokens, 3 * self.own)


@pytest.mark.parametrize("world", [1, 2, 7])
@torch.no_grad()
def test_stage_2_tells_the_unexplained_share_of_the_variance_and_how_codes_are_used(
    monkeypatch, tmp_path, world
):
    autoencoder = ParityAutoencoder()
    phase = stage_2(monkeypatch, autoencoder)
    found = measured(phase, tmp_path, world)
    e = torch.cat([embeddings_of({"conditions": phase.dev.conditions(clip)}) for clip in range(len(DEV))])
    rebuilt, quantized = autoencoder(e)
    error = (autoencoder.standardise(rebuilt) - autoencoder.standardise(e)).square().mean()
    variance = autoencoder.standardise(e).var(correction=0)
    shares = quantized.tokens.flatten().bincount() / quantized.tokens.numel()
    assert found == pytest.approx({
        "unexplained": float(error / variance),
        "mse": float((rebuilt - e).square().mean()),
        "usage": 2 / autoencoder.vocab_size,
        "perplexity": float(shares.pow(-shares).prod()),
    }, rel=1e-4)  # fmt: skip


class CountingTranslator(nn.Module):
    """Every token of a clip costs its number, and so does its [EOS]; a made clip is two frames longer."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def loss(self, texts, tokens, lengths, languages, ended, alignment):
        assert languages == ["qaa"] * len(texts) and alignment.shape == tokens.shape[:2]
        counts = lengths + ended
        own = torch.tensor([float(words.split()[1]) for words in texts])
        return (own * counts).sum() / counts.sum(), {"token_accuracy": torch.tensor(0.5)}

    def generate(self, texts, *, languages, max_frames):
        assert languages == ["qaa"] * len(texts) and max_frames == 12
        return [torch.zeros(int(words.split()[1]) + 2, N) for words in texts]


@pytest.mark.parametrize("world", [1, 2, 7])
@pytest.mark.parametrize("frames", [100, 7])
@torch.no_grad()
def test_stage_3_tells_the_mean_over_all_tokens_and_ends_and_how_long_clips_are(
    monkeypatch, tmp_path, frames, world
):
    monkeypatch.setattr(text, "Clips", TokenClips)
    config = small_config(stage3={"clips": 2, "frames": frames})
    phase = TextPhase(config, config.stage3, "nowhere", CountingTranslator())
    found = measured(phase, tmp_path, world)
    counts = [min(length, frames) + (length <= frames) for length in DEV]
    assert found == pytest.approx({
        "loss": sum(clip * count for clip, count in enumerate(counts)) / sum(counts),
        "token_accuracy": 0.5,
        "length_ratio": sum((clip + 2) / length for clip, length in enumerate(DEV)) / len(DEV),
    })  # fmt: skip
