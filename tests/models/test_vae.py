"""The VAE: latents of unit variance by statistics that travel in its config, and what it can learn."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderKL

from signvip.errors import ConfigError
from signvip.models.vae import (
    build_vae,
    decode_latents,
    edge_error,
    encode_images,
    noise_like,
    vae_loss,
    whiten_latents,
)
from signvip.models.vae_start import start_as_average

SMALL = {"block_out_channels": (4, 8, 8), "norm_num_groups": 2}


def small(**options) -> AutoencoderKL:
    torch.manual_seed(0)
    return build_vae(**{**SMALL, **options}).eval()


def images(count: int = 6) -> torch.Tensor:
    return torch.rand(count, 3, 16, 24, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_shrinks_by_two_at_each_step():
    vae = small()
    mean, std = encode_images(vae, images())
    assert mean.shape == std.shape == (6, 4, 4, 6)
    assert decode_latents(vae, mean).shape == (6, 3, 16, 24)
    assert encode_images(small(block_out_channels=(4, 8)), images())[0].shape == (6, 4, 8, 12)


def test_whitened_latents_are_uncorrelated_with_zero_mean_and_unit_variance():
    vae = small()
    whiten_latents(vae, images(), chunk=4)
    mean = encode_images(vae, images())[0].transpose(0, 1).flatten(1)
    torch.testing.assert_close(mean.mean(1), torch.zeros(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(torch.cov(mean), torch.eye(4), atol=1e-3, rtol=0)


def test_whitening_changes_no_decoded_image():
    vae = small()
    raw = vae.decode(vae.encode(images()).latent_dist.mean).sample
    whiten_latents(vae, images())
    mean, deviation = encode_images(vae, images())
    torch.testing.assert_close(decode_latents(vae, mean), raw, atol=1e-4, rtol=1e-4)
    assert float(deviation.std((0, 2, 3)).max()) < 1e-6


def test_samples_of_the_whitened_posterior_scatter_as_much_once_decoded():
    vae, whitened = small(), small()
    whiten_latents(whitened, images())
    spread = []
    for net in (vae, whitened):
        posterior = net.encode(images()).latent_dist
        drawn = [posterior.sample(torch.Generator().manual_seed(seed)) for seed in range(200)]
        spread.append(torch.stack([net.post_quant_conv(z) for z in drawn]).var(0).mean())
    torch.testing.assert_close(spread[0], spread[1], rtol=0.05, atol=0)


def test_statistics_survive_saving(tmp_path):
    vae = small()
    whiten_latents(vae, images())
    vae.save_pretrained(tmp_path)
    again = AutoencoderKL.from_pretrained(tmp_path)
    assert torch.equal(encode_images(again, images())[0], encode_images(vae, images())[0])


def test_a_pretrained_vae_is_scaled_by_its_own_single_factor():
    vae = small()
    vae.register_to_config(scaling_factor=0.5, shift_factor=0.25)
    raw = vae.encode(images()).latent_dist.mean
    torch.testing.assert_close(encode_images(vae, images())[0], (raw - 0.25) * 0.5)


def test_chunks_change_nothing():
    vae = small()
    whole, parts = encode_images(vae, images())[0], encode_images(vae, images(), chunk=4)[0]
    torch.testing.assert_close(whole, parts)
    torch.testing.assert_close(decode_latents(vae, whole), decode_latents(vae, whole, chunk=1))


def test_the_loss_is_the_sum_of_its_terms_and_reaches_every_weight():
    vae = small()
    loss, values = vae_loss(vae, images(), kl_weight=0.01)
    terms = values["l1"] + values["mse"] + 0.01 * values["kl"]
    torch.testing.assert_close(loss.detach(), terms, rtol=1e-5, atol=0)
    loss.backward()
    assert all(weight.grad is not None for weight in vae.parameters())


@torch.no_grad()
def error(vae: AutoencoderKL, images: torch.Tensor) -> float:
    return float((decode_latents(vae, encode_images(vae, images)[0]) - images).square().mean())


def test_starts_with_the_colours_of_a_frame_and_learns_from_there():
    torch.manual_seed(0)
    vae = build_vae(block_out_channels=(12, 12, 12))
    start_as_average(vae)
    colours = (torch.rand(32, 3, 1, 1) * 2 - 1).expand(-1, -1, 16, 16)
    started = error(vae, colours)
    assert started < 0.15 * float(colours.var())
    optimizer = torch.optim.AdamW(vae.parameters(), 1e-3, betas=(0.9, 0.99))
    for _ in range(20):
        loss, _ = vae_loss(vae, colours)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    fresh = (torch.rand(32, 3, 1, 1) * 2 - 1).expand(-1, -1, 16, 16)
    assert error(vae, fresh) < 0.5 * started


def test_starts_with_what_a_picture_shows_at_the_size_of_latents():
    torch.manual_seed(0)
    vae = build_vae(block_out_channels=(16, 16))
    start_as_average(vae)
    blocks = (torch.rand(4, 3, 8, 8) * 2 - 1).repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert error(vae, blocks) < 0.25 * float(blocks.var())


def test_a_vae_too_narrow_for_that_start_is_left_alone():
    vae, same = small(), small()
    start_as_average(vae)
    assert all(torch.equal(a, b) for a, b in zip(vae.parameters(), same.parameters(), strict=True))


@pytest.mark.parametrize(
    "options",
    [
        {"block_out_chanels": [8]},
        {"latent_channels": 0},
        {"block_out_channels": []},
        {"norm_num_groups": 3},
    ],
)
def test_unknown_and_unfit_options_are_named(options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        build_vae(**options)


def test_the_divergence_weighs_a_millionth_where_nothing_is_said():
    """Rombach et al.: enough to keep latents from drifting apart."""
    vae = small()
    torch.manual_seed(0)
    loss, values = vae_loss(vae, images())
    reconstruction = float(values["l1"]) + float(values["mse"])
    assert float(loss.detach()) == pytest.approx(reconstruction + 1e-6 * float(values["kl"]), rel=1e-6)
    posterior = vae.encode(images()).latent_dist
    divergence = 0.5 * (posterior.mean.square() + posterior.var - 1 - posterior.logvar).sum((1, 2, 3)).mean()
    assert float(values["kl"]) == pytest.approx(float(divergence.detach()), rel=1e-4)


def test_the_loss_is_of_a_sample_of_the_posterior():
    """So that the decoder bears what the divergence leaves uncertain."""
    vae, losses = small(), []
    with torch.no_grad():
        vae.quant_conv.bias[4:] += 3  # the logarithms of its variances
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            losses.append(float(vae_loss(vae, images())[0]))
    assert losses[0] == losses[1] and abs(losses[0] - losses[2]) > 1e-5


@pytest.mark.parametrize("noise", [(0.5, 0.5), (0.0, 0.4)])
def test_noise_on_latents_is_white_once_they_are_whitened(noise):
    """So many deviations of each direction, whatever the latents' own scale and correlation."""
    torch.manual_seed(0)
    mix = torch.randn(4, 4)
    latents = torch.einsum("ij,bjhw->bihw", mix, torch.randn(32, 4, 16, 16))
    covariance = torch.cov(latents.transpose(0, 1).flatten(1))
    drawn = noise_like(latents).transpose(0, 1).flatten(1)
    torch.testing.assert_close(torch.cov(drawn), covariance, rtol=0.1, atol=0.1)
    seen, vae = [], small()
    vae.decode = lambda z: seen.append(z) or AutoencoderKL.decode(vae, z)
    for level in ((0.0, 0.0), noise):
        torch.manual_seed(1)
        vae_loss(vae, images(64), noise=level)
    added = (seen[1] - seen[0]).transpose(0, 1).flatten(1)
    share = (
        torch.trace(torch.cov(added)) / torch.trace(torch.cov(seen[0].transpose(0, 1).flatten(1)))
    ).sqrt()
    expected = ((noise[0] ** 2 + noise[0] * noise[1] + noise[1] ** 2) / 3) ** 0.5  # of a level drawn evenly
    assert float(share.detach()) == pytest.approx(expected, rel=0.1)


def test_latents_cannot_outgrow_the_noise():
    """The noise grows with them, and so does its gradient: scaling latents up gains nothing."""
    latents = torch.randn(8, 4, 4, 4, requires_grad=True)
    torch.manual_seed(0)
    ratio = noise_like(latents).square().sum() / latents.square().sum()
    ratio.backward()
    pull, gradient = (latents.grad * latents.detach()).sum(), latents.grad.abs().sum()
    assert float(pull.abs()) < 1e-4 * float(gradient)


def test_edges_weigh_the_error_of_differences_between_neighbours():
    vae = small()
    losses = []
    for edges in (0.0, 0.5):
        torch.manual_seed(0)
        loss, values = vae_loss(vae, images(), edges=edges)
        losses.append(float(loss.detach()))
    assert losses[1] - losses[0] == pytest.approx(0.5 * float(values["edges"]), rel=1e-4)
    flat, step = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 4)
    step[..., 2:] = 1
    assert float(edge_error(step, flat)) == pytest.approx(1 / 3)  # one of three neighbours to the right
    assert float(edge_error(flat + 0.7, flat)) == 0
