"""`resnet_norm="window"`: resnet blocks and the last norm take statistics over all frames of a window."""

from __future__ import annotations

import copy

import pytest
import torch
from diffusers.models.resnet import ResnetBlock2D
from signvip_denoisers.animatediff import Denoiser
from signvip_denoisers.animatediff.denoiser import DeepCache
from signvip_denoisers.animatediff.unets import set_resnet_norm
from torch.nn import functional

from signvip.config import load_config

TIME = torch.tensor([7, 500])


@pytest.fixture(params=["none", "temporal_attention"])
def window(request, denoiser, shake):
    """A denoiser of pictures, and one of videos."""
    return shake(Denoiser.from_config(denoiser.config, motion=request.param, resnet_norm="window"))


@pytest.fixture
def video(denoiser, shake):
    return shake(Denoiser.from_config(denoiser.config, motion="temporal_attention", resnet_norm="window"))


def by_frame(network):
    """The same weights, with norms of single frames."""
    other = Denoiser.from_config(network.config, resnet_norm="frame")
    other.load_state_dict(network.state_dict())
    return other


def normed(norm, x, windows):
    """A group norm on (b, c, f, h, w)."""
    five = x.unflatten(0, (windows, -1)).permute(0, 2, 1, 3, 4)
    made = functional.group_norm(five, norm.num_groups, norm.weight, norm.bias, norm.eps)
    return made.permute(0, 2, 1, 3, 4).flatten(0, 1)


@pytest.mark.parametrize("outputs", [8, 16])
def test_a_block_is_its_formula(outputs, shake):
    layer = ResnetBlock2D(in_channels=8, out_channels=outputs, temb_channels=6, groups=4)
    shake(layer)
    plain = copy.deepcopy(layer)
    set_resnet_norm(layer, "window")
    x, time = torch.randn(2 * 3, 8, 7, 5) + 1, torch.randn(2, 6)
    y = layer.conv1(functional.silu(normed(layer.norm1, x, 2)))
    y = y + layer.time_emb_proj(functional.silu(time)).repeat_interleave(3, 0)[:, :, None, None]
    y = layer.conv2(functional.silu(normed(layer.norm2, y, 2)))
    y = y + (x if layer.conv_shortcut is None else layer.conv_shortcut(x))
    torch.testing.assert_close(layer(x, time), y)
    each = time.repeat_interleave(3, 0)  # windows of one frame: what diffusers does
    torch.testing.assert_close(layer(x, each), plain(x, each))
    assert not torch.allclose(layer(x, time), plain(x, each), atol=0.01)


@torch.no_grad()
def test_the_last_norm_sees_a_window_too(window):
    seen = {}
    window.unet.up_blocks[-1].register_forward_hook(lambda _m, _i, out: seen.update(before=out))
    window.unet.conv_act.register_forward_pre_hook(lambda _m, given: seen.update(after=given[0]))
    window(torch.randn(2, 3, 4, 8, 8), TIME)
    torch.testing.assert_close(seen["after"], normed(window.unet.conv_norm_out, seen["before"], 2))


def test_one_frame_is_normalised_alone_and_several_together(window):
    one, two = torch.randn(2, 1, 4, 9, 7), torch.randn(2, 2, 4, 9, 7)
    torch.testing.assert_close(window(one, TIME), by_frame(window)(one, TIME))
    assert not torch.allclose(window(two, TIME), by_frame(window)(two, TIME), atol=1e-3)


def test_frames_of_a_window_see_each_other_and_those_of_another_do_not(window):
    x = torch.randn(2, 3, 4, 8, 8)
    both, alone = window(x, TIME), window(x[1:], TIME[1:])
    torch.testing.assert_close(both[1:], alone)
    x[1, 2] += 1
    changed = window(x, TIME)
    assert torch.equal(changed[0], both[0])
    assert not torch.allclose(changed[1, 0], both[1, 0], atol=1e-4)


def test_new_motion_changes_nothing_and_keeps_the_norms(denoiser, shake):
    image = shake(Denoiser.from_config(denoiser.config, resnet_norm="window"))
    video, x = Denoiser.with_motion(image), torch.randn(2, 3, 4, 8, 8)
    assert video.config["resnet_norm"] == "window"
    torch.testing.assert_close(video(x, TIME), image(x, TIME))


def test_blocks_that_are_computed_again_see_the_windows_of_their_own_call(window):
    """Two calls of other sizes before either's gradient."""
    short, long = torch.randn(2, 2, 4, 8, 8), torch.randn(1, 5, 4, 8, 8)

    def gradients():
        losses = [window(short, TIME).square().mean(), window(long, 3).square().mean()]
        return torch.autograd.grad(losses, list(window.parameters()))

    plain = gradients()
    window.enable_gradient_checkpointing()
    torch.testing.assert_close(gradients(), plain)


def test_reused_inner_blocks_see_the_same_windows(video):
    x, deep = torch.randn(2, 3, 4, 8, 8), DeepCache()
    plain = video(x, TIME, deep=deep)
    torch.testing.assert_close(video(x, TIME, deep=deep), plain)


def test_is_saved_and_loaded_and_an_older_denoiser_has_norms_of_frames(video, denoiser, tmp_path):
    x = torch.randn(1, 3, 4, 8, 8)
    video.save_pretrained(tmp_path)
    torch.testing.assert_close(Denoiser.from_pretrained(tmp_path)(x, 3), video(x, 3))
    older = {name: value for name, value in denoiser.config.items() if name != "resnet_norm"}
    assert Denoiser.from_config(older).config["resnet_norm"] == "frame"


@pytest.mark.parametrize("name", ["rwth", "how2sign"])
def test_the_authors_presets_have_it_and_the_papers_do_not(name):
    chosen = {
        preset: load_config(preset).denoiser.options.get("resnet_norm", "frame")
        for preset in (name, f"{name}-release")
    }
    assert chosen == {name: "frame", f"{name}-release": "window"}
