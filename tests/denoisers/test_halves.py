"""Both halves of guidance in one call: each is what a call of its own gives."""

from __future__ import annotations

import pytest
import torch
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from signvip_denoisers.animatediff.denoiser import DeepCache
from torch import nn
from wholes import sampled

from signvip.sampling.options import Sampler
from signvip.sampling.sampler import make_scheduler

TIME = torch.tensor(500)


@pytest.fixture(params=[(None, "frame"), (8, "window")], ids=["paper", "release"])
def video(request, denoiser, shake):
    text, norm = request.param
    options = {"cross_attention_dim": text, "motion": "temporal_attention", "resnet_norm": norm}
    made = shake(Denoiser.from_config(denoiser.config, **options))
    if text is not None:
        made.empty_prompt.normal_()
    return made.requires_grad_(False)


@pytest.fixture
def video_guider(video, shake):
    return shake(Guider(embedding_channels=6, **video.guider_options)).requires_grad_(False)


@pytest.fixture
def net(video):
    return ReferenceNet(**video.unet_options).requires_grad_(False)


def seeds(*numbers):
    return [torch.Generator().manual_seed(number) for number in numbers]


@pytest.mark.parametrize("projected", [False, True], ids=["on the way", "before"])
@pytest.mark.parametrize("size", [(8, 8), (9, 7)], ids=str)
@pytest.mark.parametrize("windows", [1, 2], ids=["a window a clip", "two windows a clip"])
def test_each_half_is_what_a_call_of_its_own_gives(projected, size, windows, video, video_guider, net):
    clips, pictures = torch.randn(2 * windows, 3, 4, *size), 3 * torch.randn(2, 4, *size)
    features = video_guider(torch.randn(2 * windows, 3, 6, *size))
    reference = net(pictures)
    if projected:
        reference = video.project_reference(reference)
    both = video(torch.cat([clips, clips]), TIME, features, reference, unconditional=len(clips))
    without, given = both.chunk(2)
    torch.testing.assert_close(without, video(clips, TIME, features), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(given, video(clips, TIME, features, reference), atol=1e-5, rtol=1e-5)
    assert (given - without).abs().max() > 1e-3


class HalfByHalf(nn.Module):
    """A U-Net that is called once for each half of guidance."""

    def __init__(self, video):
        super().__init__()
        self.video, self.config, self.detail = video, video.config, None
        self.project_reference, self.project_prompt = video.project_reference, video.project_prompt

    def forward(self, latents, timestep, features, reference, prompt, deep, unconditional=0):
        given = self.video(latents[unconditional:], timestep, features, reference, prompt)
        if not unconditional:
            return given
        without = self.video(latents[:unconditional], timestep, features, None, prompt)
        return torch.cat([without, given])


@pytest.mark.parametrize("timestep", ["zero", "sampler"])
@pytest.mark.parametrize("window_batch", [1, 2])
def test_a_clip_is_sampled_as_by_two_calls(timestep, window_batch, video, video_guider, net):
    """With windows, odd sizes, guidance on some of the steps, and two clips of which each is as it is alone."""
    net = ReferenceNet.from_config(net.config, timestep=timestep).requires_grad_(False)
    pictures, e = torch.randn(2, 4, 7, 5), torch.randn(2, 13, 6, 7, 5)

    def draw(denoiser, clips, *numbers):
        return sampled(
            denoiser, video_guider, make_scheduler("ddim", Sampler()), (net, pictures[clips]), e[clips],
            steps=3, guidance_scale=2.0, guidance_interval=(0.0, 0.7), generators=seeds(*numbers), window=8,
            overlap=3, window_batch=window_batch,
        )  # fmt: skip

    made = draw(video, slice(None), 1, 2)
    expected = draw(HalfByHalf(video), slice(None), 1, 2)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(draw(video, slice(1, 2), 2), made[1:], atol=1e-4, rtol=1e-4)


def test_inner_blocks_of_both_halves_serve_the_conditional_half_but_not_the_other_way(
    video, video_guider, net
):
    """Guidance may end, or begin, between a step that runs the inner blocks and one that reads them."""
    first, then = torch.randn(2, 1, 3, 4, 8, 8)
    features, reference = video_guider(torch.randn(1, 3, 6, 8, 8)), net(3 * torch.randn(1, 4, 8, 8))

    def guided(latents, deep=None):
        return video(torch.cat([latents] * 2), TIME, features, reference, deep=deep, unconditional=1)

    def plain(latents, deep=None):
        return video(latents, TIME, features, reference, deep=deep)

    both, alone = DeepCache(), DeepCache()
    guided(first, both)
    plain(first, alone)
    reused = plain(then, alone)
    torch.testing.assert_close(plain(then, both), reused, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(guided(then, both)[1:], reused, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(reused, plain(then), atol=1e-3)  # the cache is read
    torch.testing.assert_close(guided(then, alone), guided(then))  # nothing kept of the other half: all runs


def test_latents_and_steps_stay_in_single_precision(video, video_guider, net, monkeypatch):
    """Half precision is for the networks: a latent that is rounded at each of fifty steps is another one."""
    half = [as_half(network) for network in (video, video_guider, net)]
    steps, entered = [], []
    scheduler = make_scheduler("ddim", Sampler())

    step = type(scheduler).step

    def watched(self, model_output, timestep, sample, **options):
        steps.append((model_output.dtype, sample.dtype))
        return step(self, model_output, timestep, sample, **options)

    monkeypatch.setattr(type(scheduler), "step", watched)
    half[0].unet.conv_in.register_forward_hook(lambda _m, args, _o: entered.append(args[0].dtype))
    e, picture = torch.randn(1, 3, 6, 8, 8).bfloat16(), torch.randn(1, 4, 8, 8).bfloat16()
    made = sampled(
        half[0], half[1], scheduler, (half[2], picture), e,
        steps=4, guidance_scale=2.0, generators=seeds(1),
    )  # fmt: skip
    assert steps == [(torch.float32, torch.float32)] * 4 and entered == [torch.bfloat16] * 4
    assert made.dtype == torch.float32 and not torch.equal(made, made.bfloat16().float())


class Silent(HalfByHalf):
    """A denoiser that hears no noise."""

    def forward(self, latents, *_, **__):
        return torch.zeros_like(latents)


def test_a_seed_is_the_same_noise_for_networks_of_any_precision(video, video_guider):
    def draw(guider, e):
        scheduler = make_scheduler("ddim", Sampler())
        return sampled(Silent(video), guider, scheduler, None, e, steps=2, generators=seeds(1))

    e = torch.randn(1, 3, 6, 8, 8)
    assert torch.equal(draw(as_half(video_guider), e.bfloat16()), draw(video_guider, e))


def as_half(network):
    half = type(network).from_config(network.config)
    half.load_state_dict(network.state_dict())
    return half.bfloat16().requires_grad_(False)
