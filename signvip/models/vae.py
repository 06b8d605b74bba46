"""The VAE between pixels and latents: `AutoencoderKL` or a `PixelVae`, whitened, or scaled as a pretrained one says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from pydantic import Field, PositiveFloat, PositiveInt, ValidationError, model_validator
from torch import Tensor, nn
from torch.nn import functional

from signvip.contracts import Config
from signvip.errors import ConfigError
from signvip.models.pixel_vae import FOLD, Norm, PixelVae, Stem
from signvip.models.sending import send
from signvip.settings import explain

KL_WEIGHT = 1e-6  # Rombach et al. (arXiv:2112.10752): enough to keep latents from drifting apart


class VaeConfig(Config):
    """Size of a VAE that is trained here; the frame shrinks by 2 at each step of `block_out_channels`.

    It shrinks by 2 once more where the stem folds pixels into channels.
    """

    block_out_channels: tuple[PositiveInt, ...] = Field((32, 64, 64), min_length=1)
    latent_channels: PositiveInt = 4
    layers_per_block: PositiveInt = 1
    norm_num_groups: PositiveInt = Field(1, description="one keeps a frame's colours apart; many erase them")
    mid_block_add_attention: bool = False
    scaling_factor: PositiveFloat = Field(1.0, description="latents are multiplied by it; 0.18215 in SD 1.5")
    stem: Stem = Field(
        "convolution",
        description="pixel_unshuffle: 2x2 pixels become channels, and channels pixels at the end",
    )
    norm: Norm = Field("group", description="group: over the picture; pixel: over the channels at each place")

    @model_validator(mode="after")
    def _check_groups(self) -> VaeConfig:
        uneven = [width for width in self.block_out_channels if width % self.norm_num_groups]
        if uneven:
            raise ValueError(
                f"block_out_channels {uneven} cannot be divided by norm_num_groups={self.norm_num_groups}; "
                "set norm_num_groups to a divisor"
            )
        return self


def vae_class(options: Mapping[str, Any]) -> type[AutoencoderKL]:
    """Return the class that a section [vae] builds: diffusers' own, unless the stem or the norm differs."""
    config = _checked(options)
    plain = config.stem == "convolution" and config.norm == "group"
    return AutoencoderKL if plain else PixelVae


def shrinks_by(options: Mapping[str, Any]) -> int:
    """Return the factor by which such a VAE shrinks each side of a picture."""
    config = _checked(options)
    return 2 ** (len(config.block_out_channels) - 1) * (1 if config.stem == "convolution" else FOLD)


def latent_channels(options: Mapping[str, Any]) -> int:
    """Channels of a latent of such a VAE."""
    return _checked(options).latent_channels


def build_vae(**options: Any) -> AutoencoderKL:
    """Build a VAE with random weights; ConfigError names every unknown or unfit option."""
    config, kind = _checked(options), vae_class(options)
    levels = len(config.block_out_channels)
    return kind(
        **config.model_dump(exclude={"stem", "norm"} if kind is AutoencoderKL else None),
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
    )


def _checked(options: Mapping[str, Any]) -> VaeConfig:
    try:
        return VaeConfig(**options)
    except ValidationError as error:
        raise ConfigError(explain(error, prefix="vae", known=VaeConfig.model_fields)) from error


def vae_loss(
    vae: AutoencoderKL,
    images: Tensor,
    kl_weight: float = KL_WEIGHT,
    *,
    edges: float = 0.0,
    noise: tuple[float, float] = (0.0, 0.0),
) -> tuple[Tensor, dict[str, Tensor]]:
    """Reconstruction (absolute and squared) and divergence of images (B, 3, H, W) in [-1, 1]; and the terms.

    `edges` weighs the error of differences between neighbouring pixels. `noise` is the least and the most of what is
    added to latents before they are decoded, in their own deviations: a decoder that never saw any turns a denoiser's
    error into blotches.
    """
    posterior = vae.encode(images).latent_dist
    latents = posterior.sample()
    if noise[1]:
        latents = latents + _levels(noise, latents) * noise_like(latents)
    rebuilt = vae.decode(latents).sample
    absolute, squared = functional.l1_loss(rebuilt, images), functional.mse_loss(rebuilt, images)
    divergence = posterior.kl().mean()
    loss = absolute + squared + kl_weight * divergence
    terms = {"l1": absolute, "mse": squared, "kl": divergence, "psnr": 10 * torch.log10(4 / squared)}
    if edges:
        terms["edges"] = edge_error(rebuilt, images)
        loss = loss + edges * terms["edges"]
    return loss, {name: value.detach() for name, value in terms.items()}


def edge_error(rebuilt: Tensor, images: Tensor) -> Tensor:
    """Mean absolute error of the differences between pixels and their right and lower neighbours."""
    error = rebuilt.float() - images
    return error.diff(dim=-1).abs().mean() + error.diff(dim=-2).abs().mean()


def noise_like(latents: Tensor) -> Tensor:
    """Noise of the covariance that the channels of latents (B, C, h, w) have: white where these are whitened.

    Its gradient reaches the latents, which would otherwise grow without end to drown the noise.
    """
    rows = latents.transpose(0, 1).flatten(1).float()  # (C, n)
    centred = rows - rows.mean(1, keepdim=True)
    covariance = (centred[:, None] * centred).mean(
        -1
    )  # not a product of matrices, which autocast would round
    ridge = 1e-4 * covariance.diagonal().mean() * torch.eye(len(rows), device=rows.device)
    factor = torch.linalg.cholesky_ex(covariance + ridge).L  # unchecked: a check would wait for the card
    noise = (factor[..., None] * torch.randn_like(rows)).sum(1)
    return noise.unflatten(1, (len(latents), *latents.shape[2:])).transpose(0, 1)


def _levels(bounds: tuple[float, float], latents: Tensor) -> Tensor:
    """Draw the standard deviation of noise for each picture (B, 1, 1, 1)."""
    least, most = bounds
    return least + (most - least) * torch.rand(len(latents), 1, 1, 1, device=latents.device)


@torch.no_grad()
def encode_images(vae: AutoencoderKL, images: Tensor, chunk: int = 32) -> tuple[Tensor, Tensor]:
    """Posterior mean and deviation (B, C, h, w), normalised, of images (B, 3, H, W) in [-1, 1]."""
    shift, scale = _statistics(vae, images.device)
    means, deviations = [], []
    for part in images.to(vae.dtype).split(chunk):
        posterior = vae.encode(part).latent_dist
        means.append((posterior.mean - shift) / scale)
        deviations.append(posterior.std / scale)
    # rows in order, as shards store them: noise drawn like latents is then the same for stored and computed ones
    return torch.cat(means).contiguous(), torch.cat(deviations).contiguous()


@torch.no_grad()
def decode_latents(vae: AutoencoderKL, latents: Tensor, chunk: int = 32) -> Tensor:
    """Images (B, 3, H, W), about [-1, 1], of normalised latents (B, C, h, w)."""
    return torch.cat([decode_differentiably(vae, part) for part in latents.split(chunk)])


def decode_differentiably(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    """Decode like `decode_latents`, at once, and let gradients through."""
    shift, scale = _statistics(vae, latents.device)
    return vae.decode(latents.to(vae.dtype) * scale + shift).sample


@torch.no_grad()
def whiten_latents(vae: AutoencoderKL, images: Tensor, chunk: int = 32) -> None:
    """Make latents uncorrelated, of zero mean and unit variance over these images; decoded images stay the same.

    Brightness varies more than hue, and a denoiser that is trained for minutes learns to take only the
    brightness of its reference; whitened, hue counts as much. The map goes into the 1x1 convolutions on both
    sides of the latents. The posterior's variance becomes its mean over the images: rotated, it would have to
    be a matrix.
    """
    posteriors = [vae.encode(part).latent_dist for part in images.to(vae.dtype).split(chunk)]
    raw = (
        torch.cat([posterior.mean for posterior in posteriors]).double().transpose(0, 1).flatten(1)
    )  # (C, n)
    variance = torch.cat([posterior.var for posterior in posteriors]).double().mean((0, 2, 3))
    eigenvalues, axes = torch.linalg.eigh(torch.cov(raw))
    deviation = eigenvalues.clamp_min(1e-8).sqrt()
    _compose_after(vae.quant_conv, axes.T / deviation[:, None], raw.mean(1), variance)
    _compose_before(vae.post_quant_conv, axes * deviation, raw.mean(1))
    vae.register_to_config(latents_mean=None, latents_std=None, scaling_factor=1.0, shift_factor=None)


def _compose_after(conv: nn.Conv2d, matrix: Tensor, mean: Tensor, variance: Tensor) -> None:
    """Make the posterior's mean m matrix (m - mean), and its variance a constant."""
    count, weight = len(mean), conv.weight.double().squeeze()
    assert conv.bias is not None
    bias = matrix @ (conv.bias[:count].double() - mean)
    conv.weight.copy_(torch.cat([matrix @ weight[:count], torch.zeros_like(weight[count:])])[..., None, None])
    conv.bias.copy_(torch.cat([bias, (matrix.square() @ variance).log()]))


def _compose_before(conv: nn.Conv2d, matrix: Tensor, mean: Tensor) -> None:
    """Make a convolution take z as matrix z + mean."""
    weight = conv.weight.double().squeeze()
    assert conv.bias is not None
    conv.bias.copy_(conv.bias.double() + weight @ mean)
    conv.weight.copy_((weight @ matrix)[..., None, None])


def _statistics(vae: AutoencoderKL, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return what to subtract and to divide by (C, 1, 1), by the same four keys that diffusers' pipelines read."""
    # where the data is: an offloaded VAE is elsewhere until it runs
    config = vae.config
    channels = config["latent_channels"]
    mean = send(config["latents_mean"] or [config["shift_factor"] or 0.0] * channels, device)
    std = send(config["latents_std"] or [1.0] * channels, device) / config["scaling_factor"]
    return mean[:, None, None].to(vae.dtype), std[:, None, None].to(vae.dtype)
