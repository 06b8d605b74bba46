"""How large a configuration's networks are: built on the meta device, where weights have shapes and no memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKL, ModelMixin
from signvip_denoisers.animatediff.unets import Motion, is_motion
from torch import nn

from signvip.models import (
    ConditionEncoder,
    Denoiser,
    EmbeddingCodec,
    Guider,
    PoseHead,
    ReferenceNet,
    TokenTranslator,
)
from signvip.models.build import fixed_weights
from signvip.models.vae import build_vae
from signvip.networks import new_autoencoder, new_pose_head, new_translator, new_video_networks

if TYPE_CHECKING:
    from signvip.config import RunConfig


@dataclass(frozen=True)
class Networks:
    """The networks of every run, with shapes and no memory; a pretrained text encoder is not among them."""

    vae: AutoencoderKL
    condition_encoder: ConditionEncoder
    guider: Guider
    reference_net: ReferenceNet
    denoiser: Denoiser
    autoencoder: EmbeddingCodec
    translator: TokenTranslator

    def by_part(self) -> dict[str, ModelMixin]:
        """What a run trains, by the name of its folder."""
        return {name: part for name, part in vars(self).items() if name != "vae"}

    def generating(self) -> dict[str, nn.Module]:
        """What `generate` reads."""
        parts = {
            name: part
            for name, part in vars(self).items()
            if name not in ("condition_encoder", "autoencoder")
        }
        return {**parts, "decoder": self.autoencoder.decoding}


def meta_networks(config: RunConfig, motion: Motion = "temporal_attention") -> Networks:
    """Build a run's networks at their full size on the meta device."""
    with torch.device("meta"):
        video = new_video_networks(config, motion)
        autoencoder = new_autoencoder(config, video.encoder)
        return Networks(
            vae=build_vae(**config.vae),
            condition_encoder=video.encoder,
            guider=video.guider,
            reference_net=video.reference_net,
            denoiser=video.denoiser,
            autoencoder=autoencoder,
            translator=new_translator(config, autoencoder),
        )


def meta_pose_head(config: RunConfig, networks: Networks) -> PoseHead | None:
    """The head that reads poses, at its full size on the meta device; None where the configuration trains none."""
    if config.stage2_poses is None:
        return None
    with torch.device("meta"):
        return new_pose_head(config, networks.condition_encoder)


def count(network: nn.Module) -> int:
    """Parameters of a network, those left out that follow from its configuration."""
    fixed = fixed_weights(network)
    return sum(weight.numel() for name, weight in network.named_parameters() if name not in fixed)


def count_motion(network: nn.Module) -> int:
    """Parameters of a network's temporal attentions."""
    return sum(weight.numel() for name, weight in network.named_parameters() if is_motion(name))


def count_trained(config: RunConfig, networks: Networks, part: str) -> int:
    """Parameters of a part that some phase trains."""
    network = vars(networks)[part]
    if part == "vae" and "vae" not in config.stage1.phases:
        return 0
    if part == "denoiser" and config.stage1.denoiser == "frozen":
        return count(network) - count(networks.denoiser.unet) + count_motion(network)
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


def paper_count(config: RunConfig) -> int:
    """Parameters as Table 7 counts them: what `generate` reads, without text encoder, encoders and gate.

    What the authors' own holds beside it and nothing reads is counted there, and so it is here: a part tells its size
    by `unread_parameters`.
    """
    networks = meta_networks(config).generating().values()
    parts = [part for network in networks for part in network.modules()]
    return sum(map(count, networks)) + sum(int(getattr(part, "unread_parameters", 0)) for part in parts)
