from __future__ import annotations

import pytest
import torch
from diffusers import UNet2DConditionModel
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from signvip_denoisers.animatediff.unets import FrameNorm

UNET = {"block_out_channels": (8, 16), "layers_per_block": 1, "attention_heads": 2, "norm_num_groups": 4}
TIME = torch.tensor([7, 500])


def clip(frames=3, height=8, width=8):
    return torch.randn(2, frames, 4, height, width)


def test_is_the_diffusers_unet_frame_by_frame(denoiser):
    sample = clip()
    unet = denoiser.unet
    assert isinstance(unet, UNet2DConditionModel)
    time = TIME.repeat_interleave(3)
    expected = unet(sample.flatten(0, 1), time, None).sample.unflatten(0, (2, 3))
    torch.testing.assert_close(denoiser(sample, TIME), expected)


def test_is_the_diffusers_motion_unet(denoiser, shake):
    video = shake(Denoiser.with_motion(denoiser))
    sample = clip()
    expected = video.unet(sample.transpose(1, 2), TIME, None).sample.transpose(1, 2)
    torch.testing.assert_close(video(sample, TIME), expected)


def test_new_motion_changes_nothing(denoiser, reference_net):
    video = Denoiser.with_motion(denoiser)
    sample, reference = clip(), reference_net(torch.randn(2, 4, 8, 8))
    torch.testing.assert_close(video(sample, TIME, None, reference), denoiser(sample, TIME, None, reference))
    spatial = dict(video.named_parameters())
    assert all(torch.equal(weight, spatial[name]) for name, weight in denoiser.named_parameters())


def test_trained_motion_lets_frames_see_each_other(denoiser, shake):
    sample = clip()
    changed = sample.clone()
    changed[:, 2] += 1
    video = shake(Denoiser.with_motion(denoiser))
    assert torch.equal(denoiser(sample, TIME)[:, 0], denoiser(changed, TIME)[:, 0])
    assert not torch.equal(video(sample, TIME)[:, 0], video(changed, TIME)[:, 0])


def test_parameters_are_motion_or_spatial(denoiser):
    video = Denoiser.with_motion(denoiser)
    motion, spatial = list(video.motion_parameters()), list(video.spatial_parameters())
    assert len(motion) + len(spatial) == len(list(video.parameters()))
    assert len(spatial) == len(list(denoiser.parameters())) and motion
    assert not list(denoiser.motion_parameters())


@pytest.mark.parametrize("motion", ["none", "temporal_attention"])
@pytest.mark.parametrize("injection", ["down_blocks", "conv_in+down_blocks"])
def test_every_parameter_learns(motion, injection):
    denoiser = Denoiser(**UNET, motion=motion, motion_heads=2)
    reference_net = ReferenceNet(**denoiser.unet_options)
    guider = Guider(embedding_channels=6, injection=injection, **denoiser.guider_options)
    features = guider(torch.randn(2, 3, 6, 8, 8))
    denoiser(clip(), TIME, features, reference_net(torch.randn(2, 4, 8, 8))).square().mean().backward()
    for network in (denoiser, reference_net, guider):
        assert not [name for name, weight in network.named_parameters() if weight.grad is None]


def test_each_feature_changes_the_output_and_a_new_guider_does_not(denoiser, guider, shake):
    sample, e = clip(), torch.randn(2, 3, 6, 8, 8)
    plain = denoiser(sample, TIME)
    torch.testing.assert_close(denoiser(sample, TIME, guider(e)), plain)
    features = shake(guider)(e)
    for kept in range(len(features)):
        only = [f if i == kept else torch.zeros_like(f) for i, f in enumerate(features)]
        assert (denoiser(sample, TIME, only) - plain).abs().max() > 1e-4


@pytest.mark.parametrize(("height", "width"), [(9, 7), (17, 14)])
def test_odd_sizes(height, width, reference_net, shake):
    options = {**UNET, "block_out_channels": (8, 8, 16, 16), "motion_heads": 2}
    denoiser = Denoiser(**options, attention_levels=(True, True, True, False), motion="temporal_attention")
    guider = shake(Guider(embedding_channels=6, **denoiser.guider_options))
    reference = ReferenceNet(**denoiser.unet_options)(torch.randn(2, 4, height, width))
    features = guider(torch.randn(2, 3, 6, height, width))
    sample = clip(3, height, width)
    assert denoiser(sample, TIME, features, reference).shape == sample.shape


@pytest.mark.parametrize("motion", ["none", "temporal_attention"])
def test_gradient_checkpointing_changes_no_gradient(motion, shake):
    denoiser = shake(Denoiser(**UNET, motion=motion, motion_heads=2))
    reference_net = ReferenceNet(**denoiser.unet_options)
    guider = shake(Guider(embedding_channels=6, **denoiser.guider_options))
    sample, e, picture = clip(), torch.randn(2, 3, 6, 8, 8), torch.randn(2, 4, 8, 8)
    parameters = [*denoiser.parameters(), *reference_net.parameters(), *guider.parameters()]

    def gradients():
        loss = denoiser(sample, TIME, guider(e), reference_net(picture)).square().mean()
        return torch.autograd.grad(loss, parameters)

    plain = gradients()
    denoiser.enable_gradient_checkpointing()
    reference_net.enable_gradient_checkpointing()
    torch.testing.assert_close(gradients(), plain)


def test_empty_prompt_feeds_the_text_attention():
    denoiser = Denoiser(**UNET, cross_attention_dim=8, prompt_tokens=5)
    sample = clip()
    before = denoiser(sample, TIME)
    denoiser.empty_prompt.normal_()
    assert denoiser.empty_prompt.shape == (1, 5, 8)
    assert not torch.equal(before, denoiser(sample, TIME))


def test_saves_and_loads(tmp_path, denoiser, shake):
    video = shake(Denoiser.with_motion(denoiser))
    video.save_pretrained(tmp_path)
    again = Denoiser.from_pretrained(tmp_path)
    sample = clip()
    assert torch.equal(video(sample, TIME), again(sample, TIME))
    assert again.config["motion"] == "temporal_attention"


def test_motion_can_normalise_each_frame_alone():
    """Then a clip's other frames change nothing before the temporal attention."""
    norm = FrameNorm(2, 4)
    torch.manual_seed(0)
    clip = torch.randn(2, 4, 3, 5, 5)
    alone = torch.nn.functional.group_norm(clip[:, :, 1], 2)
    torch.testing.assert_close(norm(clip)[:, :, 1], alone)
