from __future__ import annotations

import pytest
import torch
from signvip_denoisers.animatediff import Denoiser, Guider


def test_sizes_are_those_of_the_paper_for_an_odd_grid():
    guider = Guider(embedding_channels=6, block_out_channels=(4, 8, 16, 16), injection="conv_in+down_blocks")
    shapes = [tuple(f.shape) for f in guider(torch.randn(1, 2, 6, 34, 28))]
    assert shapes == [(2, 4, 34, 28), (2, 4, 17, 14), (2, 8, 9, 7), (2, 16, 5, 4), (2, 16, 5, 4)]


def test_features_fit_the_denoiser_block_by_block():
    denoiser = Denoiser(
        block_out_channels=(8, 16, 16), layers_per_block=1, norm_num_groups=4, attention_heads=2
    )
    guider = Guider(embedding_channels=6, **denoiser.guider_options)
    outputs = []
    denoiser.unet.conv_in.register_forward_hook(lambda _m, _i, out: outputs.append(out.shape))
    for block in denoiser.unet.down_blocks:
        block.register_forward_hook(lambda _m, _i, out: outputs.append(out[0].shape))
    denoiser(torch.randn(1, 2, 4, 13, 9), 3)
    assert [f.shape for f in guider(torch.randn(1, 2, 6, 13, 9))] == outputs


def test_starts_at_zero(guider):
    assert all(not feature.any() for feature in guider(torch.randn(1, 2, 6, 8, 8)))


def test_motion_changes_nothing_until_it_is_trained(guider, shake):
    e = torch.randn(1, 4, 6, 8, 8)
    video = Guider.with_motion(shake(guider))
    torch.testing.assert_close(video(e), guider(e))
    assert list(video.motion_parameters()) and not list(guider.motion_parameters())
    shake(video)
    changed = e.clone()
    changed[:, -1] += 1
    first, other = (features[-1][0] for features in (video(e), video(changed)))
    assert not torch.equal(first, other)


def test_what_a_block_attends_to_over_time_goes_into_the_next(guider, shake):
    """Section 3.4: a block consists of convolutions and a temporal attention."""
    video = shake(Guider.with_motion(guider))
    with torch.no_grad():
        for module in video.motion_modules[1:]:
            module.proj_out.weight.zero_()
            module.proj_out.bias.zero_()
    e = torch.randn(1, 4, 6, 8, 8)
    changed = e.clone()
    changed[:, -1] += 1
    for feature, other in zip(video(e), video(changed), strict=True):
        assert (feature[0] - other[0]).abs().max() > 1e-4  # the first frame, at every level


def test_single_frame_has_no_motion(guider, shake):
    video = shake(Guider.with_motion(guider))
    e = torch.randn(2, 1, 6, 8, 8)
    before = video(e)
    with torch.no_grad():
        for parameter in video.motion_parameters():
            parameter.zero_()
    assert all(torch.equal(a, b) for a, b in zip(before, video(e), strict=True))


@pytest.mark.parametrize(("injection", "count"), [("down_blocks", 4), ("conv_in+down_blocks", 5)])
def test_size_of_the_paper_s_guider(injection, count):
    with torch.device("meta"):
        guider = Guider(injection=injection)
    assert len(guider.projections) == count
    if count == 5:  # as counted in the authors' code
        assert sum(p.numel() for p in guider.parameters()) == pytest.approx(63.049e6, rel=1e-3)
