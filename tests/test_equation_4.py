"""Eq. 4 step by step: text -> tokens d -> embeddings e -> video, with the embedded model and a small sampler."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from small import embedded_copy

import signvip
from signvip import pipeline

TEXT, LANGUAGE, FRAMES = "Anna", "ase", 3


@pytest.fixture(scope="module")
def pipe(tmp_path_factory):
    folder = embedded_copy(tmp_path_factory.mktemp("equation-4"))
    pipe = signvip.SignVipPipeline.from_pretrained(folder, guided_by="tokens")
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="module")
def picture():
    """A picture of the frames' own size, so that nothing is cropped."""
    pixels = np.random.default_rng(0).integers(0, 256, (128, 128, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def watch(module, monkeypatch):
    """What a module is called with, and what it answers."""
    calls, original = [], module.forward

    def watched(*given, **more):
        answer = original(*given, **more)
        calls.append((given, answer))
        return answer

    monkeypatch.setattr(module, "forward", watched)
    return calls


def run(pipe, picture, output_type="latent", **options):
    generator = torch.Generator().manual_seed(0)
    asked = {"language": LANGUAGE, "max_frames": FRAMES, "output_type": output_type}
    result = pipe(TEXT, picture, generator=generator, **asked, **options)
    return result.frames, result.tokens


def test_each_part_is_given_what_the_one_before_it_made(pipe, picture, monkeypatch):
    parts = pipe.denoiser.parts()
    guider, net, denoiser = (
        watch(parts[name], monkeypatch) for name in ("guider", "reference_net", "denoiser")
    )
    _, tokens = run(pipe, picture)
    (translated,) = pipe.translator.generate([TEXT], max_frames=FRAMES, languages=[LANGUAGE])
    assert torch.equal(tokens, translated) and len(tokens) == FRAMES  # p(d | text)
    e = pipe.autoencoder.decode(tokens.unflatten(1, pipe.autoencoder.token_grid))  # p(e | d)
    ((given, features),) = guider
    torch.testing.assert_close(given[0], e[None])
    pixels = torch.tensor(np.array(picture)).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.no_grad():
        latents = pipe.vae.encode(pixels).latent_dist.mean  # of a whitened VAE: its scale is 1
    ((given, _),) = net
    torch.testing.assert_close(given[0], latents, rtol=1e-4, atol=1e-4)
    assert denoiser
    for (_sample, _timestep, seen, *_), _ in denoiser:  # p(X | x*, e)
        assert all(torch.equal(*pair) for pair in zip(seen, features, strict=True))


def test_frames_are_what_the_vae_makes_of_the_latents(pipe, picture):
    (frames, _), (latents, _) = run(pipe, picture, "pt"), run(pipe, picture)
    with torch.no_grad():
        expected = (pipe.vae.decode(latents).sample.clamp(-1, 1) + 1) / 2
    torch.testing.assert_close(frames, expected, rtol=1e-4, atol=1e-4)


def test_a_scaled_vae_is_scaled_back(pipe, picture):
    """Stable Diffusion's latents are the posterior's times 0.18215."""
    latents, _ = run(pipe, picture)
    plain = torch.cat(list(pipe.decode(latents)))
    pipe.vae.register_to_config(scaling_factor=0.5)
    try:
        torch.testing.assert_close(torch.cat(list(pipe.decode(0.5 * latents))), plain, rtol=1e-4, atol=1e-4)
    finally:
        pipe.vae.register_to_config(scaling_factor=1.0)


def test_text_picture_and_guidance_each_change_the_video(pipe, picture):
    first, tokens = run(pipe, picture)
    red = Image.new("RGB", (128, 128), (200, 30, 30))
    assert (first - run(pipe, red)[0]).abs().mean() > 0.02
    assert (first - run(pipe, picture, guidance_scale=2.0)[0]).abs().mean() > 1e-3
    assert torch.equal(first, run(pipe, picture, guidance_scale=1.0)[0])  # the embedded model's own
    with_others = run(pipe, picture, tokens=(tokens + 300) % pipe.autoencoder.vocab_size)[0]
    assert (first - with_others).abs().mean() > 1e-3


@pytest.mark.parametrize(("asked", "given"), [(None, 1.0), (0.0, 0.0), (2.5, 2.5)])
def test_guidance_that_is_asked_for_takes_the_place_of_the_runs(pipe, picture, monkeypatch, asked, given):
    """Also where it is none: 0 is a scale, and no silence."""
    seen = {}

    def sample(*_networks, **options):
        seen.update(options)
        return torch.zeros(1, FRAMES, 8, 32, 32)

    monkeypatch.setattr(pipeline, "sample", sample)
    run(pipe, picture, guidance_scale=asked)
    assert seen["guidance_scale"] == given
