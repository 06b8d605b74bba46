"""`reference_concat`: the reference's latents beside the noisy ones, at the denoiser's input."""

from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from signvip_denoisers.animatediff.start import copy_unet
from torch import nn
from wholes import sampled

from signvip.sampling.options import Sampler
from signvip.sampling.sampler import make_scheduler

TIME = torch.tensor([7, 500])


def seeded(**options) -> Denoiser:
    torch.manual_seed(5)
    return Denoiser(**options)


@pytest.fixture
def reading(denoiser, shake) -> Denoiser:
    """A trained video denoiser that reads the reference's latents."""
    return shake(Denoiser.from_config(denoiser.config, motion="temporal_attention", reference_concat=True))


@pytest.fixture
def reference_net(denoiser) -> ReferenceNet:
    """Gives the latents beside the tokens."""
    return ReferenceNet(**{**denoiser.unet_options, "reference_concat": True})


def one_convolution(denoiser: Denoiser) -> Denoiser:
    """The same network with a first layer over the channels of both, as the option's name says."""
    both = Denoiser.from_config(denoiser.config, reference_concat=False)
    weights = {
        name: weight for name, weight in denoiser.state_dict().items() if name != "reference_in.weight"
    }
    both.load_state_dict(weights)
    first, read = denoiser.unet.conv_in, denoiser.reference_in
    both.unet.conv_in = nn.Conv2d(8, first.out_channels, 3, padding=1)
    with torch.no_grad():
        both.unet.conv_in.weight.copy_(torch.cat([first.weight, read.weight], dim=1))
        both.unet.conv_in.bias.copy_(first.bias)
    return both


def beside(sample: torch.Tensor, latents: torch.Tensor) -> torch.Tensor:
    """Latents (B, C, h, w) on top of the channels of all frames (B, F, C, h, w) of their clips."""
    return torch.cat([sample, latents[:, None].expand_as(sample)], dim=2)


def test_a_new_denoiser_does_what_one_without_the_option_does(denoiser, reference_net):
    reading = seeded(**{**denoiser.config, "reference_concat": True})
    plain = seeded(**denoiser.config)
    sample, reference = torch.randn(2, 3, 4, 8, 8), reference_net(torch.randn(2, 4, 8, 8))
    assert torch.equal(reading(sample, TIME, None, reference), plain(sample, TIME, None, reference))
    more = sum(weight.numel() for weight in reading.parameters()) - sum(w.numel() for w in plain.parameters())
    assert more == 4 * 8 * 9  # input channels, output channels, places


def test_its_new_weights_learn_from_the_first_step(denoiser, reference_net):
    reading = Denoiser.from_config(denoiser.config, reference_concat=True)
    sample, reference = torch.randn(2, 3, 4, 8, 8), reference_net(torch.randn(2, 4, 8, 8))
    reading(sample, TIME, None, reference).square().mean().backward()
    assert reading.reference_in.weight.grad.abs().min() > 0


def test_it_is_a_convolution_of_both(reading, reference_net):
    sample, pictures = torch.randn(2, 3, 4, 8, 8), torch.randn(2, 4, 8, 8)
    reference = reference_net(pictures)
    expected = one_convolution(reading)(beside(sample, pictures), TIME, None, reference)
    torch.testing.assert_close(reading(sample, TIME, None, reference), expected, atol=1e-5, rtol=1e-5)


def test_a_dropped_reference_is_zeros(reading, reference_net):
    """Of the whole batch, and of the unconditional half of guidance, whose reference serves two windows."""
    both, pictures = one_convolution(reading), torch.randn(1, 4, 8, 8)
    windows, reference = torch.randn(2, 3, 4, 8, 8), reference_net(pictures)
    without = both(beside(windows, torch.zeros(2, 4, 8, 8)), 7)
    torch.testing.assert_close(reading(windows, 7), without, atol=1e-5, rtol=1e-5)
    given = both(beside(windows, pictures.expand(2, -1, -1, -1)), 7, None, reference)
    halves = reading(torch.cat([windows, windows]), 7, None, reference, unconditional=2)
    torch.testing.assert_close(halves, torch.cat([without, given]), atol=1e-5, rtol=1e-5)


def test_what_is_projected_gives_the_same(reading, reference_net):
    sample, reference = torch.randn(2, 3, 4, 8, 8), reference_net(torch.randn(2, 4, 8, 8))
    kept = reading.project_reference(reading.project_reference(reference))
    torch.testing.assert_close(reading(sample, TIME, None, kept), reading(sample, TIME, None, reference))


@pytest.mark.parametrize("timestep", ["zero", "sampler"])
def test_the_sampler_needs_no_more_than_the_reference_net_gives(reading, guider, shake, timestep):
    """Two clips of two windows, both halves of guidance, and inner blocks that are kept for a step."""
    net = ReferenceNet(**reading.unet_options, timestep=timestep).requires_grad_(False)
    video_guider = shake(Guider.with_motion(guider))
    pictures, e = torch.randn(2, 4, 8, 8), torch.randn(2, 13, 6, 8, 8)
    ran = []
    reading.reference_in.register_forward_hook(lambda *_: ran.append(1))

    def draw(pictures, e, *numbers, **options):
        generators = [torch.Generator().manual_seed(number) for number in numbers]
        return sampled(
            reading, video_guider, make_scheduler("ddim", Sampler()), (net, pictures), e, steps=4,
            guidance_scale=2.0, generators=generators, window=8, overlap=3, reuse_every=2, **options,
        )  # fmt: skip

    made = draw(pictures, e, 1, 2)
    assert len(ran) == (1 if timestep == "zero" else 4)  # for all windows, and where it can, for all steps
    torch.testing.assert_close(draw(pictures, e, 1, 2, window_batch=2), made, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(draw(pictures[1:], e[1:], 2), made[1:], atol=1e-4, rtol=1e-4)
    reading.reference_in.weight.data.zero_()
    assert (draw(pictures, e, 1, 2) - made).abs().max() > 0.1


def test_motion_and_files_keep_it(denoiser, shake, tmp_path):
    reading = shake(Denoiser.from_config(denoiser.config, reference_concat=True))
    video = Denoiser.with_motion(reading)
    assert torch.equal(video.reference_in.weight, reading.reference_in.weight)
    video.save_pretrained(tmp_path)
    again = Denoiser.from_pretrained(tmp_path)
    assert torch.equal(again.reference_in.weight, reading.reference_in.weight)


def test_a_published_unet_leaves_it_at_zero(denoiser):
    options = {**denoiser.config, "reference_concat": True}
    published = UNet2DConditionModel.from_config(denoiser.unet.config)
    reading = Denoiser(**options)
    copy_unet(published, reading)
    assert torch.equal(reading.unet.conv_in.weight, published.conv_in.weight)
    assert not reading.reference_in.weight.any()
