"""What an imported release generates, against the authors' sampler written out on the release's own keys."""

from __future__ import annotations

import diffusion
import formulas
import pytest
import torch
import written
from diffusers import AutoencoderKL
from PIL import Image

from signvip import SignVipPipeline
from signvip.models import Denoiser, Guider, ReferenceNet

FRAMES = 26  # two windows of 24, of which the second mostly runs backwards


@pytest.fixture(scope="module")
def weights():
    return {
        "denoiser": {**written.stable_diffusion().state_dict(), **written.unet_motion()},
        "reference_net": written.reference_net(),
        "guider": {**written.guider(), **written.guider_motion()},
    }


@torch.no_grad()
def test_what_the_reference_net_writes_is_that_of_the_release(run, weights):
    net, picture = run.load("reference_net", ReferenceNet), torch.randn(1, 4, *written.CELLS)
    theirs = diffusion.bank_of(weights["reference_net"], net.empty_prompt, picture, 341)
    ours = net(picture, torch.tensor(341))
    assert {name.removesuffix(".attn1") for name in ours} == set(theirs)
    for block, tokens in theirs.items():
        formulas.assert_near(ours[f"{block}.attn1"], tokens)


@pytest.mark.parametrize("half", ["with the reference", "without it"])
@torch.no_grad()
def test_predicted_noise_is_that_of_the_release(run, weights, half):
    """With motion, the guider's features, and in one half of guidance the reference."""
    denoiser, net = run.load("denoiser", Denoiser), run.load("reference_net", ReferenceNet)
    e, x = torch.randn(5, written.EMBEDDING, *written.CELLS), torch.randn(5, 4, *written.CELLS)
    picture, prompt = torch.randn(1, 4, *written.CELLS), denoiser.empty_prompt
    bank = diffusion.bank_of(weights["reference_net"], prompt, picture, 701) if "with " in half else None
    guide = formulas.guider(weights["guider"], e, frames=5)
    theirs = diffusion.UNet(weights["denoiser"], prompt, bank, guide)(x, 701)
    reference = net(picture, 701) if "with " in half else None
    features = run.load("guider", Guider)(e[None])
    formulas.assert_near(denoiser(x[None], torch.tensor(701), features, reference)[0], theirs)


@torch.no_grad()
def test_a_sampled_video_is_that_of_the_release(run, weights, base, tmp_path):
    """From given tokens to pixels: 26 frames in two windows, two steps of DDIM, guidance 3.5."""
    pipe = SignVipPipeline.from_pretrained(run.path)
    pipe.set_progress_bar_config(disable=True)
    picture = torch.randint(256, (*written.FRAME, 3), dtype=torch.uint8)
    Image.fromarray(picture.numpy()).save(tmp_path / "ref.png")
    tokens = torch.randint(written.CODES, (FRAMES, written.TOKENS))
    e = formulas.embeddings(written.autoencoder(), tokens.view(-1, 4, 3), written.CELLS)
    vae = AutoencoderKL.from_pretrained(base / "vae-ft")
    clean = vae.encode(picture.permute(2, 0, 1)[None] / 127.5 - 1).latent_dist.mean * 0.18215
    noise = torch.randn(FRAMES, 4, *written.CELLS, generator=torch.manual_seed(5))
    theirs = diffusion.sample(weights, pipe.denoiser.empty_prompt, clean, e, noise, steps=2, scale=3.5)
    options = {"tokens": tokens, "num_inference_steps": 2, "output_type": "latent"}
    made = pipe("rain", tmp_path / "ref.png", generator=torch.manual_seed(5), **options)
    formulas.assert_near(made.frames, theirs)
