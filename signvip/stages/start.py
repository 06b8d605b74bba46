"""Start stage I from the published weights that `[start]` names (section 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from signvip.errors import ConfigError
from signvip.models.published import read_published
from signvip.models.vae import build_vae, vae_class

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

    from signvip.config import RunConfig, Start
    from signvip.contracts import Phase

SOURCES: dict[str, tuple[str, ...]] = {"image": ("unet", "text_encoder"), "motion": ("motion",)}
# What a VAE of diffusers' own class does not say of itself.
PLAIN = {"stem": "convolution", "norm": "group"}
TRAITS = ("block_out_channels", "latent_channels", "layers_per_block", "norm_num_groups")


def sources(start: Start, phase: Phase) -> dict[str, str]:
    """Return the published weights that a denoiser's phase begins with, by the options that name them."""
    named = {name: getattr(start, name) for name in SOURCES[phase]}
    return {name: source for name, source in named.items() if source is not None}


def published_vae(config: RunConfig) -> AutoencoderKL:
    """Load the VAE that `start.vae` names; ConfigError where it is not of the size of [vae]."""
    assert config.start.vae is not None
    vae: AutoencoderKL = read_published("vae", config.start.vae, vae_class(config.vae))
    check_vae(vae, build_vae(**config.vae))
    return vae


def check_vae(published: AutoencoderKL, ours: AutoencoderKL) -> None:
    """ConfigError where a VAE is not of the size that the configuration says."""
    theirs, here = _traits(published), _traits(ours)
    for name, value in here.items():
        if theirs[name] != value:
            raise ConfigError(
                f"start.vae was trained with {name}={theirs[name]}, and this run has {value}; "
                f"set {name} of [vae] to that."
            )


def _traits(vae: AutoencoderKL) -> dict[str, Any]:
    more = {name: vae.config.get(name, plain) for name, plain in PLAIN.items()}
    return {name: _plain(vae.config[name]) for name in TRAITS} | more


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, (list, tuple)) else value
