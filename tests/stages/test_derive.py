"""What `encode` and `tokenize` store: the VAE's own mean, the encoder's embeddings, tokens row by row."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL
from small import make_shards, small_config

from signvip.models import Autoencoder, ConditionEncoder
from signvip.models.build import build_network
from signvip.models.networks import new_autoencoder
from signvip.models.vae import build_vae, whiten_latents
from signvip.run import Run
from signvip.stages import derive
from signvip.stages.clips import Clips
from signvip.stages.derive import encode, tokenize


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> SimpleNamespace:
    """Encoded and tokenized shards, and the networks with random weights that made them."""
    folder = tmp_path_factory.mktemp("stored")
    config = small_config()
    shards = make_shards(folder / "shards", config, train=2, dev=1, test=1)
    run, clips = Run.start(folder / "run", config), Clips(shards, "train", config)
    torch.manual_seed(0)
    vae = build_vae(**config.vae)
    with torch.no_grad():  # an uncertain posterior: its mean, its deviation and a sample differ
        vae.encoder.conv_out.bias.fill_(0.5)
    whiten_latents(vae, clips.frames(0, range(8)).float() / 127.5 - 1)
    vae.register_to_config(scaling_factor=0.6, shift_factor=0.3)
    encoder = build_network(ConditionEncoder, config.condition_encoder, num_conditions=2)
    for part, network in (("vae", vae), ("condition_encoder", encoder)):
        run.save(part, network)
    autoencoder = new_autoencoder(config, encoder)
    e = embeddings_of(encoder, clips, 0)
    autoencoder.set_statistics(e.mean((0, 2, 3)), e.std((0, 2, 3)))
    run.save("autoencoder", autoencoder)
    encode(shards, folder / "encoded", run=run.path, latents=True, embeddings=True)
    tokenize(folder / "encoded", folder / "tokens", run=run.path)
    return SimpleNamespace(
        clips=Clips(folder / "tokens", "train", config), vae=run.load("vae", AutoencoderKL).eval(),
        encoder=encoder.eval(), autoencoder=run.load("autoencoder", Autoencoder).eval(),
    )  # fmt: skip


@torch.no_grad()
def embeddings_of(encoder, clips, clip):
    return encoder(clips.conditions(clip).float() / 127.5 - 1)


@torch.no_grad()
def test_latents_are_the_posteriors_own_mean_normalised(stored):
    for clip in range(len(stored.clips)):
        frames = stored.clips.frames(clip, range(stored.clips.info(clip)["frames"]))
        posterior = stored.vae.encode(frames.float() / 127.5 - 1).latent_dist
        expected = (posterior.mean - 0.3) * 0.6
        assert (posterior.std * 0.6 - expected).abs().mean() > 0.1
        found = stored.clips.array(clip, "latents.npy")
        torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-3)  # stored as halves


def test_embeddings_are_the_encoders(stored):
    for clip in range(len(stored.clips)):
        expected = embeddings_of(stored.encoder, stored.clips, clip)
        found = stored.clips.array(clip, "embeddings.npy")
        torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-3)
        assert float(expected.std()) > 0.01


def test_tokens_of_a_frame_stand_row_by_row(stored):
    """d (F, N): token number y * w + x of a frame is that of the place (y, x)."""
    e = stored.clips.array(0, "embeddings.npy")
    grid = stored.autoencoder.encode(e).tokens  # (F, h, w)
    found = stored.clips.array(0, "tokens.npy")
    height, width = stored.autoencoder.token_grid
    assert found.shape == (len(e), height * width)
    assert not torch.equal(grid, grid.transpose(1, 2))
    for row in range(height):
        for column in range(width):
            assert torch.equal(found[:, row * width + column], grid[:, row, column])
    torch.testing.assert_close(stored.autoencoder.decode_frames(found), stored.autoencoder.decode(grid))


@torch.no_grad()
def test_tokens_are_those_of_stored_embeddings_whether_they_are_stored_or_not(stored, monkeypatch):
    read = []
    monkeypatch.setattr(
        derive, "tokens_of", lambda tokenizer, clips, clip, embed: read.append(embed()) or read[-1]
    )
    for held in (True, False):
        derive._tokens(stored.autoencoder, stored.encoder, held)(stored.clips, 0)
    assert torch.equal(*read) and not torch.equal(read[0], embeddings_of(stored.encoder, stored.clips, 0))
