"""Training on stored latents is training on frames: the same latents, of the same frames and reference."""

from __future__ import annotations

import pytest
import torch
from small import make_shards, small_config
from torch import nn

from signvip.models.vae import build_vae
from signvip.run import Run
from signvip.stages.clips import Clips
from signvip.stages.derive import encode
from signvip.stages.video import VideoPhase


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Encoded shards, and the VAE that made them, which is not sure of its latents."""
    folder = tmp_path_factory.mktemp("cached")
    config = small_config()
    plain, run = (
        make_shards(folder / "plain", config, train=2, dev=1, test=1),
        Run.start(folder / "run", config),
    )
    torch.manual_seed(0)
    vae = build_vae(**config.vae, scaling_factor=0.7)
    run.save("vae", vae)
    return encode(plain, folder / "encoded", run=run.path, latents=True), vae


class Recorder(nn.Module):
    """In the place of stage 1's networks: notes the batch."""

    def forward(self, batch, pixel_error=None):
        self.given = batch
        return torch.zeros(()), {}


def step(shards, vae, cached):
    """A batch with latents from the shards or with frames, and what the networks are given of it."""
    config = small_config(stage1={"image": {"clips": 2, "frames": 3, "stride": 2}, "augmentation": 0.0})
    nets = Recorder()
    phase = VideoPhase("stage1-image", config, config.stage1.image, shards, vae, nets, cached)
    batch = phase.batch(3)
    phase.module(batch)
    return phase, batch, nets.given


def test_stored_latents_are_those_that_would_be_computed(shards):
    encoded, vae = shards
    _, from_cache, stored = step(encoded, vae, cached=True)
    _, from_frames, computed = step(encoded, vae, cached=False)
    assert "frames" not in from_cache and "latents" not in from_frames
    for key in ("latents", "reference", "conditions"):
        torch.testing.assert_close(stored[key], computed[key], rtol=2e-3, atol=2e-3)  # halves are stored
        assert stored[key].stride() == computed[key].stride()  # or one seed would lay out other noise


@torch.no_grad()
def test_latents_are_the_posteriors_mean_at_the_scale_of_the_vae(shards):
    encoded, vae = shards
    phase, batch, given = step(encoded, vae, cached=False)
    for frames, latents in (
        (batch["reference_frame"], given["reference"]),
        (batch["frames"].flatten(0, 1), given["latents"].flatten(0, 1)),
    ):
        mean = vae.encode(frames.float() / 127.5 - 1).latent_dist.mean
        torch.testing.assert_close(latents, mean * 0.7, rtol=1e-4, atol=1e-4)
    assert not [
        name for name, _ in phase.module.named_parameters() if "vae" in name
    ]  # neither trained nor stored


def test_conditions_are_drawn_of_the_frames_that_are_seen(shards):
    """Both with their own painter, in the order of the configuration."""
    encoded, vae = shards
    phase, batch, _ = step(encoded, vae, cached=False)
    clips = Clips(encoded, "train", phase.config)
    for frames, conditions in zip(batch["frames"], batch["conditions"], strict=True):
        found = False
        for clip in range(len(clips)):
            everything = clips.frames(clip, range(clips.info(clip)["frames"]))
            for first in range(len(everything) - 4):
                picks = [first, first + 2, first + 4]
                if torch.equal(everything[picks], frames):
                    found = found or torch.equal(clips.conditions(clip, picks), conditions)
        assert found
