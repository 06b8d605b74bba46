"""Eq. 6 written out: the squared error of standardised embeddings, and the quantizer's own loss."""

from __future__ import annotations

import pytest
import torch
from numbered import LENGTHS, NumberedClips
from small import small_config
from torch import nn

from signvip.contracts import Quantized
from signvip.models import Autoencoder
from signvip.stages import tokens
from signvip.stages.tokens import TokensPhase

CHANNELS = 6


class ScaledEncoder(nn.Module):
    """Sums of a drawing's channels as embeddings, at another place and scale in each."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.arange(1.0, CHANNELS + 1)[:, None, None])
        self.dropout = nn.Dropout(0.5)

    def forward(self, images):
        self.seen = images
        return self.dropout(images.cumsum(1) * self.scale + self.scale)


class ShrinkingAutoencoder(nn.Module):
    """Gives back a share of each embedding, and a loss of its quantizer's."""

    vocab_size = 7

    def __init__(self):
        super().__init__()
        self.share, self.own = nn.Parameter(torch.tensor(0.7)), nn.Parameter(torch.tensor(0.25))
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("std", torch.ones(CHANNELS))

    def set_statistics(self, mean, std):
        self.mean.copy_(mean)
        self.std.copy_(std)

    def standardise(self, e):
        return (e - self.mean[:, None, None]) / self.std[:, None, None]

    def forward(self, e):
        self.seen = e
        return self.share * e, Quantized(e, torch.zeros(len(e), 1, 1, dtype=torch.long), 3 * self.own)


class EmbeddedClips(NumberedClips):
    """Numbered clips that hold embeddings too."""

    def array(self, clip, field, picks=None):
        assert field == "embeddings.npy"
        picks = range(self.lengths[clip]) if picks is None else picks
        numbers = [[10.0 * clip + frame + channel for channel in range(CHANNELS)] for frame in picks]
        return torch.tensor(numbers)[..., None, None].repeat(1, 1, 2, 2)


def phase_of(monkeypatch, autoencoder, *, stored=False, **training):
    monkeypatch.setattr(tokens, "Clips", EmbeddedClips)
    config = small_config(stage2={"clips": 4, "frames": 3, **training})
    return TokensPhase(config, config.stage2, "nowhere", ScaledEncoder(), autoencoder, stored)


def embeddings_of(batch):
    images = batch["conditions"].float() / 127.5 - 1
    scale = torch.arange(1.0, CHANNELS + 1)[:, None, None]
    return images.cumsum(1) * scale + scale


def test_the_loss_is_the_squared_error_of_standardised_embeddings_and_the_quantizers_own(monkeypatch):
    autoencoder = ShrinkingAutoencoder()
    phase = phase_of(monkeypatch, autoencoder)
    batch = phase.batch(0)
    e = embeddings_of(batch)
    loss, _ = phase.module(batch)
    torch.testing.assert_close(autoencoder.seen, e)
    error = (0.7 * e - e) / autoencoder.std[:, None, None]  # the mean falls out of the difference
    torch.testing.assert_close(loss, error.square().mean() + 3 * 0.25)


def test_the_loss_teaches_the_autoencoder_and_its_quantizer_but_not_the_frozen_encoder(monkeypatch):
    autoencoder = ShrinkingAutoencoder()
    phase = phase_of(monkeypatch, autoencoder)
    phase.module.train()
    batch = phase.batch(0)
    phase.module(batch)[0].backward()
    assert float(autoencoder.own.grad) == 3 and float(autoencoder.share.grad) < 0
    torch.testing.assert_close(autoencoder.seen, embeddings_of(batch))  # no dropout: it is not in training
    assert {name for name, _ in phase.module.named_parameters()} == {"autoencoder.share", "autoencoder.own"}


def test_stored_embeddings_take_the_place_of_computed_ones(monkeypatch):
    autoencoder = ShrinkingAutoencoder()
    phase = phase_of(monkeypatch, autoencoder, stored=True)
    batch = phase.batch(0)
    assert set(batch) == {"embeddings"} and batch["embeddings"].shape == (12, CHANNELS, 2, 2)
    phase.module(batch)
    assert torch.equal(autoencoder.seen, batch["embeddings"])


@pytest.mark.parametrize("stored", [False, True])
def test_statistics_are_the_mean_and_deviation_of_each_channel_of_training_frames(monkeypatch, stored):
    """Of the whole training split about: the frames are drawn, the dev split's are others."""
    autoencoder = ShrinkingAutoencoder()
    phase = phase_of(monkeypatch, autoencoder, stored=stored)
    clips = EmbeddedClips(None, "train", None)
    frames = [
        clips.array(clip, "embeddings.npy")
        if stored
        else embeddings_of({"conditions": clips.conditions(clip)})
        for clip in range(len(LENGTHS["train"]))
    ]  # each clip counts alike
    mean = torch.stack([clip.mean((0, 2, 3)) for clip in frames]).mean(0)
    square = torch.stack([clip.square().mean((0, 2, 3)) for clip in frames]).mean(0)
    deviation = (square - mean.square()).sqrt()
    assert ((autoencoder.mean - mean).abs() < 0.25 * deviation + 1e-4).all()
    torch.testing.assert_close(autoencoder.std, deviation, rtol=0.25, atol=1e-4)
    assert phase.name == "stage2"


def test_frames_of_a_clip_are_drawn_from_all_of_it_without_repetition(monkeypatch):
    phase = phase_of(monkeypatch, ShrinkingAutoencoder(), clips=1, frames=12)
    seen = set()
    for index in range(120):
        numbers = phase.batch(index)["conditions"][:, :2, 0, 0].tolist()
        assert len({tuple(number) for number in numbers}) == 12 and len({clip for clip, _ in numbers}) == 1
        seen |= {tuple(number) for number in numbers}
    assert len(seen) == sum(LENGTHS["train"])


def test_the_autoencoder_of_the_paper_is_trained_on_what_its_decoder_makes_of_its_tokens(monkeypatch):
    """D(E(e)) of Eq. 6: the loss is that of decoded tokens, at the scale of e, through the quantizer."""
    torch.manual_seed(0)
    autoencoder = Autoencoder(
        embedding_channels=CHANNELS, grid=(2, 2), block_out_channels=(8, 8), norm_num_groups=4
    )
    phase = phase_of(monkeypatch, autoencoder)
    batch = phase.batch(0)
    e = embeddings_of(batch)
    with torch.no_grad():
        rebuilt = autoencoder.decode(autoencoder.encode(e).tokens)
        loss, _ = phase.module(batch)
    deviation = autoencoder.std[:, None, None]
    torch.testing.assert_close(loss, ((rebuilt - e) / deviation).square().mean(), rtol=1e-4, atol=1e-5)
