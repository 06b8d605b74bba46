"""What an imported release generates, against the authors' sampler written out on the release's own keys."""

from __future__ import annotations

import diffusion
import formulas
import pytest
import torch
import written
from diffusers import AutoencoderKL
from PIL import Image
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet

from signvip import SignVipPipeline

TWO_WINDOWS = 26  # of 24, of which the second mostly runs backwards
OTHER = 0.005  # deviations from which on numbers are another network's; those of the same agree within 1e-5


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


def noise(run, weights, frames, *, reading=True, **options):
    """A window's noise by an imported denoiser with these options, and by the formulas."""
    denoiser = Denoiser.from_pretrained(run.path / "denoiser", **options)
    net, guider = run.load("reference_net", ReferenceNet), run.load("guider", Guider)
    generator = torch.Generator().manual_seed(frames)
    e, x, picture = (
        torch.randn(*shape, *written.CELLS, generator=generator)
        for shape in ((frames, written.EMBEDDING), (frames, 4), (1, 4))
    )
    prompt = denoiser.empty_prompt
    bank = diffusion.bank_of(weights["reference_net"], prompt, picture, 701) if reading else None
    guide = formulas.guider(weights["guider"], e, frames)
    theirs = diffusion.UNet(weights["denoiser"], prompt, bank, guide)(x, 701)
    reference = net(picture, 701) if reading else None
    return denoiser(x[None], torch.tensor(701), guider(e[None]), reference)[0], theirs


@pytest.mark.parametrize("reading", [True, False], ids=["with the reference", "without it"])
@pytest.mark.parametrize("frames", [1, 2, 4, diffusion.WINDOW])
@torch.no_grad()
def test_predicted_noise_is_that_of_the_release(run, weights, frames, reading):
    """With motion, the guider's features, and in one half of guidance the reference."""
    formulas.assert_near(*noise(run, weights, frames, reading=reading))


@torch.no_grad()
def test_norms_of_single_frames_would_give_other_noise(run, weights):
    """Except where a window is one frame: the option is needed, and the formulas can tell."""
    formulas.assert_near(*noise(run, weights, 1, resnet_norm="frame"))
    for frames in (2, 4):
        ours, theirs = noise(run, weights, frames, resnet_norm="frame")
        assert (ours - theirs).abs().mean() > OTHER * theirs.std()


@pytest.fixture(scope="module")
def pipe(run):
    pipe = SignVipPipeline.from_pretrained(run.path)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.mark.parametrize("frames", [1, 2, 4, TWO_WINDOWS])
@torch.no_grad()
def test_a_sampled_video_is_that_of_the_release(run, weights, base, pipe, frames, tmp_path, monkeypatch):
    """From given tokens to latents: two steps of DDIM, guidance 3.5; and not with norms of single frames."""
    picture = torch.randint(256, (*written.FRAME, 3), dtype=torch.uint8)
    Image.fromarray(picture.numpy()).save(tmp_path / "ref.png")
    tokens = torch.randint(written.CODES, (frames, written.TOKENS))
    e = formulas.embeddings(written.autoencoder(), tokens.view(-1, 4, 3), written.CELLS)
    vae = AutoencoderKL.from_pretrained(base / "vae-ft")
    clean = vae.encode(picture.permute(2, 0, 1)[None] / 127.5 - 1).latent_dist.mean * 0.18215
    noise = torch.randn(frames, 4, *written.CELLS, generator=torch.manual_seed(5))
    own = pipe.denoiser.network
    theirs = diffusion.sample(weights, own.denoiser.empty_prompt, clean, e, noise, steps=2, scale=3.5)

    def sampled():
        options = {"tokens": tokens, "num_inference_steps": 2, "output_type": "latent"}
        return pipe("rain", tmp_path / "ref.png", generator=torch.manual_seed(5), **options).frames

    formulas.assert_near(sampled(), theirs)
    monkeypatch.setitem(
        own._modules, "denoiser", Denoiser.from_pretrained(run.path / "denoiser", resnet_norm="frame")
    )
    off = (sampled() - theirs).abs().mean() / theirs.std()
    assert (off > OTHER) == (frames > 1)
