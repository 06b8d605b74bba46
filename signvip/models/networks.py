"""The networks of a run with new weights, as its configuration describes them: what the stages train."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from signvip.errors import ConfigError
from signvip.models import (
    Autoencoder,
    BodyAndHands,
    ConditionEncoder,
    EmbeddingTokenizer,
    PoseHead,
    TokenTranslator,
    VideoDenoiser,
)
from signvip.models.build import build_network
from signvip.models.vae import latent_channels, shrinks_by

if TYPE_CHECKING:
    from signvip.config import RunConfig
    from signvip.models import Tokenizer


class VideoNetworks(NamedTuple):
    """The networks that stage 1 trains, besides a VAE."""

    encoder: ConditionEncoder
    denoiser: VideoDenoiser


def new_video_networks(config: RunConfig, *, motion: bool = False) -> VideoNetworks:
    """Build the networks of Eq. 5 for images or videos, always in this order, as a seed decides their weights."""
    encoder = build_network(ConditionEncoder, config.condition_encoder, num_conditions=len(config.conditions))
    _check_cells(config, encoder)
    denoiser = VideoDenoiser(
        config.denoiser.name,
        channels=latent_channels(config.vae),
        embedding_channels=encoder.embedding_channels,
        denoiser_config=config.denoiser_options,
        motion=motion,
    )
    return VideoNetworks(encoder, denoiser)


def _check_cells(config: RunConfig, encoder: ConditionEncoder) -> None:
    """ConfigError where a latent and an embedding stand for squares of different sizes: they are added cell by cell."""
    factor = shrinks_by(config.vae)
    if factor != encoder.factor:
        raise ConfigError(
            f"The VAE makes one latent of {factor}x{factor} pixels, and the condition encoder one embedding of "
            f"{encoder.factor}x{encoder.factor}; give condition_encoder.channels as many widths as "
            "vae.block_out_channels has, and one more for vae.stem=pixel_unshuffle."
        )


GROUPS: dict[str, type[EmbeddingTokenizer]] = {"frame": Autoencoder, "body+hands": BodyAndHands}
"""How `autoencoder.groups` divides the tokens of a frame: not at all (the paper), or by parts of the signer."""


def autoencoder_class(config: RunConfig) -> type[EmbeddingTokenizer]:
    """Return the class of autoencoder that `autoencoder.groups` names; ConfigError for an unknown one."""
    name = config.autoencoder.get("groups", "frame")
    if name not in GROUPS:
        raise ConfigError(f"There is no autoencoder.groups='{name}'; choose one of {', '.join(GROUPS)}.")
    return GROUPS[name]


def new_autoencoder(config: RunConfig, encoder: ConditionEncoder) -> EmbeddingTokenizer:
    """Build an autoencoder around the quantizer of the configuration, for the grid of this encoder."""
    return build_network(
        autoencoder_class(config),
        {name: value for name, value in config.autoencoder.items() if name != "groups"},
        embedding_channels=encoder.embedding_channels,
        grid=(config.size[0] // encoder.factor, config.size[1] // encoder.factor),
        quantizer=config.quantizer.name,
        quantizer_config=config.quantizer.options,
    )


def new_pose_head(config: RunConfig, encoder: ConditionEncoder) -> PoseHead:
    """Build a head that reads keypoints, in pixels of this size, from the embeddings of this encoder."""
    return build_network(
        PoseHead, config.pose_head, embedding_channels=encoder.embedding_channels, size=config.size
    )


def new_reference_head(config: RunConfig) -> PoseHead:
    """Build a head that reads keypoints, in pixels of this size, from the latents of a picture."""
    return build_network(
        PoseHead, config.reference_head, embedding_channels=latent_channels(config.vae), size=config.size
    )


def new_translator(config: RunConfig, tokenizer: Tokenizer) -> TokenTranslator:
    """A translator from text to what this tokenizer gives for a frame."""
    return TokenTranslator(
        translator=config.translator.name,
        translator_config=config.translator.options,
        tokens_per_frame=tokenizer.tokens_per_frame,
        vocab_size=tokenizer.vocab_size,
        digits=tokenizer.digits,
    )
