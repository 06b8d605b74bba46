"""Compute the size of a configuration's networks on the meta device, where weights have shapes but no memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKL, ModelMixin
from torch import nn

from signvip.models import (
    ConditionEncoder,
    EmbeddingTokenizer,
    PoseHead,
    TokenTranslator,
    VideoDenoiser,
)
from signvip.models.build import fixed_weights
from signvip.models.networks import (
    new_autoencoder,
    new_pose_head,
    new_reference_head,
    new_translator,
    new_video_networks,
)
from signvip.models.vae import build_vae

if TYPE_CHECKING:
    from signvip.config import RunConfig


@dataclass(frozen=True)
class Networks:
    """The networks of every run, with shapes and no memory; a pretrained text encoder is not among them."""

    vae: AutoencoderKL
    condition_encoder: ConditionEncoder
    denoiser: VideoDenoiser
    autoencoder: EmbeddingTokenizer
    translator: TokenTranslator

    def by_part(self) -> dict[str, ModelMixin]:
        """Return the networks that a run trains, by the name of their folder."""
        return {
            "condition_encoder": self.condition_encoder,
            **self.denoiser.parts(),
            "autoencoder": self.autoencoder,
            "translator": self.translator,
        }

    def generating(self) -> dict[str, nn.Module]:
        """Return the networks that `generate` reads."""
        parts = self.denoiser.parts()
        return {"vae": self.vae, **parts, "translator": self.translator, "decoder": self.autoencoder.decoding}


def meta_networks(config: RunConfig, *, motion: bool = True, detail: bool = False) -> Networks:
    """Build a run's networks at their full size on the meta device."""
    with torch.device("meta"):
        video = new_video_networks(config, motion=motion)
        autoencoder = new_autoencoder(config, video.encoder)
        return Networks(
            vae=build_vae(**config.vae),
            condition_encoder=video.encoder,
            denoiser=video.denoiser.with_detail() if detail else video.denoiser,
            autoencoder=autoencoder,
            translator=new_translator(config, autoencoder),
        )


def meta_pose_head(config: RunConfig, networks: Networks) -> PoseHead | None:
    """Build the head that reads poses at full size on the meta device; None where the configuration trains none."""
    if config.stage2_poses is None:
        return None
    with torch.device("meta"):
        return new_pose_head(config, networks.condition_encoder)


def meta_reference_head(config: RunConfig) -> PoseHead | None:
    """Build the head that reads reference pictures, likewise."""
    if config.stage2_reference is None:
        return None
    with torch.device("meta"):
        return new_reference_head(config)


def count(network: nn.Module) -> int:
    """Parameters of a network, those left out that follow from its configuration."""
    fixed = fixed_weights(network)
    return sum(weight.numel() for name, weight in network.named_parameters() if name not in fixed)


def count_motion(denoiser: VideoDenoiser, part: nn.Module) -> int:
    """Parameters of a part of a denoiser that learn in its motion phase."""
    motion = denoiser.learning("motion")
    return sum(weight.numel() for weight in part.parameters() if id(weight) in motion)


def count_trained(config: RunConfig, networks: Networks, part: str) -> int:
    """Parameters of a part that some phase trains."""
    if part == "vae" and "vae" not in config.stage1.phases:
        return 0
    network = {"vae": networks.vae, **networks.by_part()}[part]
    if part not in networks.denoiser.parts():
        return _learning(network)
    frozen = config.stage1.denoiser == "frozen"
    learning = networks.denoiser.learning("image", frozen=frozen) | networks.denoiser.learning("motion")
    return sum(weight.numel() for weight in network.parameters() if id(weight) in learning)


def _learning(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def paper_count(config: RunConfig) -> int:
    """Parameters as Table 7 counts them: what `generate` reads, without text encoder, encoders and gate.

    What the authors' own holds beside it and nothing reads is counted there, and so it is here: a part tells its size
    by `unread_parameters`.
    """
    networks = meta_networks(config).generating().values()
    parts = [part for network in networks for part in network.modules()]
    return sum(map(count, networks)) + sum(int(getattr(part, "unread_parameters", 0)) for part in parts)
