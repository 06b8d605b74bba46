"""The VAE's other stem and norm: what they change, that they save and load by name, and that nothing else changes."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL
from small import small_config

from signvip.errors import ConfigError
from signvip.models.networks import new_video_networks
from signvip.models.pixel_vae import PixelNorm, PixelVae
from signvip.models.vae import build_vae, decode_latents, encode_images, shrinks_by, vae_class, whiten_latents
from signvip.models.vae_start import start_as_average
from signvip.stages.start import check_vae

FOLDED = {"block_out_channels": (12, 12), "latent_channels": 4, "stem": "pixel_unshuffle"}
BOTH = {**FOLDED, "norm": "pixel"}


def small(**options) -> AutoencoderKL:
    torch.manual_seed(0)
    return build_vae(**(options or BOTH)).eval()


def images(count: int = 6, height: int = 16, width: int = 24) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, AutoencoderKL),
        ({"stem": "convolution", "norm": "group"}, AutoencoderKL),
        ({"norm": "pixel"}, PixelVae),
        ({"stem": "pixel_unshuffle"}, PixelVae),
    ],
)
def test_a_vae_without_these_options_is_the_library_s_own(options, kind):
    vae = build_vae(block_out_channels=(8,), **options)
    assert type(vae) is kind is vae_class(options)
    assert ("stem" in vae.config) == ("norm" in vae.config) == (kind is PixelVae)


def test_the_stem_shrinks_once_without_a_level_of_its_own():
    mean, _ = encode_images(small(), images())
    assert shrinks_by(BOTH) == 4 and mean.shape == (6, 4, 4, 6)
    assert decode_latents(small(), mean).shape == (6, 3, 16, 24)
    assert shrinks_by({**BOTH, "stem": "convolution"}) == 2


def test_the_widest_maps_are_half_as_large():
    shapes = []
    vae = small()
    vae.encoder.down_blocks[0].register_forward_hook(lambda *given: shapes.append(given[1][0].shape[2:]))
    vae.decoder.conv_norm_out.register_forward_hook(lambda *given: shapes.append(given[1][0].shape[2:]))
    vae(images())
    assert shapes == [(8, 12), (8, 12)]


def test_a_pixel_s_norm_knows_nothing_of_other_places():
    norm = PixelNorm(6)
    features = torch.randn(2, 6, 5, 7)
    changed = features.clone()
    changed[:, :, 2, 3] += 10 * torch.randn(6)
    out, other = norm(features), norm(changed)
    torch.testing.assert_close(out.mean(1), torch.zeros(2, 5, 7), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.var(1, correction=0), torch.ones(2, 5, 7), atol=1e-3, rtol=0)
    moved = (out != other).any(1)
    assert bool(moved[:, 2, 3].all()) and int(moved.sum()) == 2


@pytest.mark.parametrize("norm", ["pixel", "group"])
def test_with_it_a_crop_is_encoded_as_it_is_within_its_frame(norm):
    """Away from the crop's edges, where the convolutions see what the crop left out."""
    vae, frame = small(**{**FOLDED, "norm": norm}), images(1, 96, 96)
    frame[..., 64:] = 0.9
    whole, part = encode_images(vae, frame)[0], encode_images(vae, frame[..., :64, :64])[0]
    apart = float((whole[..., :4, :4] - part[..., :4, :4]).abs().max())
    assert (apart < 1e-5) == (norm == "pixel")


def test_every_norm_is_replaced_with_attention_too():
    vae = build_vae(block_out_channels=(8, 8), mid_block_add_attention=True, norm="pixel")
    assert not [part for part in vae.modules() if isinstance(part, torch.nn.GroupNorm)]
    assert vae(images()).sample.shape == images().shape


def test_it_is_saved_and_loaded_under_its_own_name(tmp_path):
    vae = small()
    whiten_latents(vae, images())
    vae.save_pretrained(tmp_path)
    again = PixelVae.from_pretrained(tmp_path)
    assert again.config["stem"] == "pixel_unshuffle" and again.config["norm"] == "pixel"
    mean = encode_images(vae, images())[0]
    assert torch.equal(encode_images(again, images())[0], mean)
    assert torch.equal(decode_latents(again, mean), decode_latents(vae, mean))


def test_tiles_are_as_large_as_latents_of_them():
    vae = small()
    assert vae.tile_latent_min_size == vae.tile_sample_min_size // shrinks_by(BOTH)


@torch.no_grad()
@pytest.mark.parametrize("norm", ["pixel", "group"])
@pytest.mark.parametrize("stem", ["pixel_unshuffle", "convolution"])
def test_it_starts_with_the_colours_of_a_picture_at_the_size_of_latents(stem, norm):
    torch.manual_seed(0)
    vae = build_vae(block_out_channels=(24, 24), stem=stem, norm=norm)
    start_as_average(vae)
    cells = torch.rand(4, 3, 6, 6) * 2 - 1
    blocks = cells.repeat_interleave(shrinks_by({"block_out_channels": (24, 24), "stem": stem}), 2)
    blocks = blocks.repeat_interleave(shrinks_by({"block_out_channels": (24, 24), "stem": stem}), 3)
    error = (decode_latents(vae, encode_images(vae, blocks)[0]) - blocks).square().mean()
    assert float(error) < 0.25 * float(blocks.var())


@pytest.mark.parametrize("theirs", [{"norm": "group"}, {"stem": "convolution"}])
def test_a_published_one_of_another_kind_is_refused_by_name(theirs):
    (name,) = theirs
    with pytest.raises(ConfigError, match=name):
        check_vae(build_vae(**{**BOTH, **theirs}), build_vae(**BOTH))
    check_vae(build_vae(**BOTH), build_vae(**BOTH))


def test_unknown_kinds_are_named():
    with pytest.raises(ConfigError, match="stem"):
        build_vae(stem="shuffle")


def test_a_vae_whose_latents_have_another_grid_than_the_embeddings_is_refused():
    config = small_config(vae={"stem": "pixel_unshuffle"})
    with pytest.raises(ConfigError, match="4x4 pixels, and the condition encoder one embedding of 2x2"):
        new_video_networks(config)
