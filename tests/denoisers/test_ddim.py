"""Sampling written out (section 3.4): DDIM with classifier-free guidance, from noise to latents."""

from __future__ import annotations

import math

import pytest
import torch
from signvip_denoisers.animatediff import Denoiser, Guider
from wholes import sampled

from signvip.sampling.options import Sampler
from signvip.sampling.sampler import make_scheduler

STEPS, FRAMES = 4, 3


def alphas(config):
    """alpha_t of Eq. 1 from the betas (T,), with a last signal of zero where that is asked for."""
    roots = torch.linspace(math.sqrt(config.beta_start), math.sqrt(config.beta_end), 1000).double()
    signal = (1 - roots.square()).cumprod(0).sqrt()
    if config.zero_terminal_snr:  # arXiv:2305.08891, algorithm 1
        signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    return signal.square()


def timesteps(spacing):
    """Stable Diffusion's own steps, moved by one; or those that end in pure noise."""
    if spacing == "leading":
        return [751, 501, 251, 1]
    return [999, 749, 499, 249]


def ddim(predict, noise, config):
    """DDIM without noise of its own (arXiv:2010.02502, Eq. 12)."""
    kept, x, places = alphas(config), noise.double(), timesteps(config.timestep_spacing)
    first = kept[0] if config.timestep_spacing == "leading" else torch.tensor(1.0).double()
    for place in places:
        signal, scatter = kept[place].sqrt(), (1 - kept[place]).sqrt()
        made = predict(x.float(), place).double()
        if config.prediction == "epsilon":
            clean, epsilon = (x - scatter * made) / signal, made
        elif config.prediction == "sample":
            clean, epsilon = made, (x - signal * made) / scatter
        else:
            clean, epsilon = signal * x - scatter * made, signal * made + scatter * x
        before = kept[place - 250] if place >= 250 else first
        x = before.sqrt() * clean + (1 - before).sqrt() * epsilon
    return x.float()


@pytest.fixture
def networks(denoiser, guider, reference_net, shake):
    video = shake(Denoiser.with_motion(denoiser))
    return video, shake(Guider.with_motion(guider)), reference_net(3 * torch.randn(1, 4, 8, 8))


def made_and_expected(networks, scale, prediction="epsilon", spacing="leading", zero_terminal_snr=False):
    """Latents of the sampler, and of the formulas: unconditional + scale * (conditional - unconditional)."""
    video, guider, reference = networks
    config = Sampler(
        prediction=prediction, timestep_spacing=spacing, zero_terminal_snr=zero_terminal_snr, beta_end=0.02
    )
    e = torch.randn(1, FRAMES, 6, 8, 8)

    def predict(x, place):
        """Only the reference is dropped: the conditions guide both halves."""
        conditional = video(x, place, guider(e), reference)
        if scale <= 1:
            return conditional
        unconditional = video(x, place, guider(e), None)
        return unconditional + scale * (conditional - unconditional)

    made = sampled(
        video, guider, make_scheduler("ddim", config), reference, e, steps=STEPS, guidance_scale=scale,
        generators=[torch.Generator().manual_seed(1)], window=8, overlap=2,
    )  # fmt: skip
    noise = torch.randn((FRAMES, 4, 8, 8), generator=torch.Generator().manual_seed(1))[None]
    with torch.no_grad():
        return made, ddim(predict, noise, config)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1.5, 3.5])
def test_guidance_at_every_scale(networks, scale):
    torch.testing.assert_close(*made_and_expected(networks, scale), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction", "sample"])
def test_every_kind_of_prediction(networks, prediction):
    torch.testing.assert_close(*made_and_expected(networks, 2.0, prediction), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("prediction", ["v_prediction", "sample"])
def test_from_pure_noise(networks, prediction):
    found = made_and_expected(networks, 2.0, prediction, "trailing", True)
    torch.testing.assert_close(*found, rtol=1e-3, atol=1e-3)


def test_a_sampler_without_a_reference_has_nothing_to_guide_by(networks):
    video, guider, _ = networks
    made, expected = made_and_expected((video, guider, None), 3.5)
    torch.testing.assert_close(made, expected, rtol=1e-3, atol=1e-3)


def test_the_paper_samples_in_fifty_steps_at_a_guidance_of_three_and_a_half():
    assert (Sampler().steps, Sampler().guidance, Sampler().scheduler) == (50, 3.5, "ddim")
