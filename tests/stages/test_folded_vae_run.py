"""A run whose VAE folds pixels: trained by the stage, loaded by name, and part of the pipeline like any other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from small import make_shards, small_config

from signvip.data.fields import LATENTS
from signvip.errors import RunError
from signvip.models.networks import new_autoencoder, new_translator, new_video_networks
from signvip.models.pixel_vae import PixelVae
from signvip.pipeline import SignVipPipeline
from signvip.progress import Silent
from signvip.run import Run
from signvip.stages import train
from signvip.stages.clips import Clips
from signvip.stages.common import save_pipeline
from signvip.stages.derive import encode
from signvip.stages.parts import load_vae

FOLDED = {"block_out_channels": [18], "stem": "pixel_unshuffle", "norm": "pixel", "latent_channels": 6}
OPTIONS = {"steps": 2, "clips": 2, "crops": {"size": 16}, "edges": 0.5, "noise": [0.1, 0.2]}


class Heard(Silent):
    def __init__(self):
        self.said = []

    def say(self, text):
        self.said.append(text)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folded")
    config = small_config(vae=FOLDED, stage1={"phases": ["vae"], "vae": OPTIONS})
    shards = make_shards(folder / "shards", config, train=2, dev=1, test=1)
    train(config, 1, shards=shards, run=folder / "run")
    return Run.open(folder / "run")


def test_it_is_loaded_as_what_it_is_and_as_nothing_else(run):
    vae = load_vae(run)
    assert type(vae) is PixelVae and vae.config["stem"] == "pixel_unshuffle"
    with pytest.raises(RunError, match="holds PixelVae"):
        run.load("vae", AutoencoderKL)


def test_it_is_not_trained_again_unless_its_crops_or_losses_change(run):
    def says(**changes):
        heard, options = Heard(), {**OPTIONS, **changes}
        config = small_config(vae=FOLDED, stage1={"phases": ["vae"], "vae": options})
        train(config, 1, shards=run.path.parent / "shards", run=run.path, reporter=heard)
        return any("is trained already" in text for text in heard.said)

    print_before = run.fingerprint("vae")
    assert says() and run.fingerprint("vae") == print_before
    assert not says(noise=[0.1, 0.3])
    assert not says()  # back to what it was, bit for bit
    assert run.fingerprint("vae") == print_before


def test_it_encodes_shards_and_decodes_in_the_pipeline(run):
    shards = encode(run.path.parent / "shards", run.path.parent / "encoded", run=run.path)
    frames = Clips(shards, "dev", run.config).info(0)["frames"]
    assert Clips(shards, "dev", run.config).array(0, LATENTS).shape == (frames, 6, 16, 16)
    networks = new_video_networks(run.config, motion=True)
    tokenizer = new_autoencoder(run.config, networks.encoder)
    parts = {"condition_encoder": networks.encoder, **networks.denoiser.parts(), "autoencoder": tokenizer}
    for name, part in {**parts, "translator": new_translator(run.config, tokenizer)}.items():
        run.save(name, part)
    save_pipeline(run)
    pipe = SignVipPipeline.from_pretrained(run.path)
    pipe.set_progress_bar_config(disable=True)
    assert type(pipe.vae) is PixelVae and pipe.denoiser.channels == 6
    made = pipe(
        "a", np.zeros((32, 32, 3), np.uint8), tokens=torch.zeros(2, tokenizer.tokens_per_frame, dtype=torch.long),
        num_inference_steps=1, output_type="np",
    )  # fmt: skip
    assert made.frames.shape == (2, 32, 32, 3)
