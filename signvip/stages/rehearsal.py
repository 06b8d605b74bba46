"""Each phase's module and batch at the configuration's own size, on the meta device: shapes and types, no values.

What is computed on them costs no memory and little time, whatever the size: a step that does not fit together fails
(tests/test_full_width.py), and what a step takes can be counted (benchmarks/validation.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from signvip.config import RegionWeights, RunConfig
from signvip.contracts import NUM_KEYPOINTS
from signvip.footprint.parameters import Networks, meta_networks
from signvip.models.networks import new_pose_head
from signvip.models.vae import build_vae
from signvip.stages.pixel_loss import PixelError
from signvip.stages.poses import KeypointLoss
from signvip.stages.text import TranslationLoss
from signvip.stages.tokens import Reconstruction
from signvip.stages.vae import VaeLoss
from signvip.stages.video import WithLatents
from signvip.stages.video_loss import VideoDiffusion

META = torch.device("meta")


@dataclass
class Rehearsal:
    """The modules that the phases of a configuration train, as the stages build them."""

    config: RunConfig

    @cached_property
    def still(self) -> Networks:
        """All networks, those of stage 1 for images."""
        return meta_networks(self.config, motion=False)

    @cached_property
    def moving(self) -> Networks:
        """All networks, those of stage 1 for videos."""
        return meta_networks(self.config)

    @cached_property
    def vae(self) -> VaeLoss:
        """The VAE phase, of a VAE of its own: later phases freeze theirs."""
        with META:
            return VaeLoss(build_vae(**self.config.vae), self.config.stage1.vae)

    @cached_property
    def image(self) -> WithLatents:
        """The image phase of stage 1."""
        nets = self._video(self.still)
        nets.train_images(self.config)
        return self._with_latents(nets, self.still)

    @cached_property
    def motion(self) -> WithLatents:
        """The motion phase of stage 1."""
        nets = self._video(self.moving)
        nets.train_motion()
        return self._with_latents(nets, self.moving)

    @cached_property
    def tokens(self) -> Reconstruction:
        """Stage 2, behind the condition encoder of the motion phase."""
        parts, weights = (self.moving.autoencoder, self.moving.condition_encoder), self.config.stage2
        reader = self.poses.head if weights.finger_weight else None
        return Reconstruction(*parts, weights.hand_weight, weights.finger_weight, reader)

    @cached_property
    def poses(self) -> KeypointLoss:
        """The pose head of stage 2, behind the same encoder."""
        encoder = self.moving.condition_encoder
        with META:
            return KeypointLoss(new_pose_head(self.config, encoder), encoder)

    @cached_property
    def text(self) -> TranslationLoss:
        """Stage 3."""
        return TranslationLoss(self.moving.translator)

    def vae_batch(self, frames: int) -> dict[str, Any]:
        """Single frames, or squares of them."""
        training = self.config.stage1.vae
        crops = None if training is None else training.crops
        size = self.config.size if crops is None else (crops.size, crops.size)
        return {"frames": _bytes(frames, 3, *size)}

    def video_batch(self, clips: int, frames: int, *, cached: bool) -> dict[str, Any]:
        """Clips with their conditions and references, from shards with latents or without."""
        lead = clips, frames
        batch = {"conditions": _bytes(*lead, self._channels, *self.config.size), "step": 0}
        if self.config.stage1.region_weights != RegionWeights():
            batch["regions"] = _floats(*lead, *self.config.size)
        if self.config.stage1.pixels is not None:
            batch["corners"] = torch.zeros(*lead, 2, dtype=torch.long, device=META)
        if not cached:
            pictures = {"frames": lead, "reference_frame": (clips,)}
            return batch | {name: _bytes(*count, 3, *self.config.size) for name, count in pictures.items()}
        latent = self.moving.denoiser.channels, *self.cells
        return batch | {"latents": _floats(*lead, *latent), "reference": _floats(clips, *latent)}

    def tokens_batch(self, frames: int, *, stored: bool) -> dict[str, Any]:
        """Single frames of embeddings, from shards that hold them or from drawings; with keypoints where asked for."""
        if self.tokens.asks_for_keypoints:
            return self.poses_batch(frames, stored=stored)
        return self._frames(frames, stored)

    def poses_batch(self, frames: int, *, stored: bool) -> dict[str, Any]:
        """Single frames with their keypoints."""
        return {**self._frames(frames, stored), "keypoints": _floats(frames, NUM_KEYPOINTS, 3)}

    def text_batch(self, clips: int, frames: int) -> dict[str, Any]:
        """Texts with the tokens of clips that are this long."""
        return {
            "texts": ["rain in the north"] * clips,
            "languages": ["qaa"] * clips,
            "tokens": self.tokens_of(clips, frames),
            "lengths": torch.full((clips,), frames, device=META),
            "alignment": torch.full((clips, frames), -1, device=META),
            "ended": torch.ones(clips, dtype=torch.bool, device=META),
        }

    def embeddings(self, *lead: int) -> Tensor:
        """e (..., C, h, w)."""
        return _floats(*lead, self.moving.condition_encoder.embedding_channels, *self.cells)

    def tokens_of(self, *lead: int) -> Tensor:
        """Tokens (..., N)."""
        return torch.zeros(*lead, self.moving.autoencoder.tokens_per_frame, dtype=torch.long, device=META)

    @property
    def cells(self) -> tuple[int, int]:
        """(h, w) of latents and embeddings."""
        return self.moving.autoencoder.cells

    def _frames(self, frames: int, stored: bool) -> dict[str, Any]:
        if not stored:
            return {"conditions": _bytes(frames, self._channels, *self.config.size)}
        return {"embeddings": self.embeddings(frames)}

    @property
    def _channels(self) -> int:
        return 3 * len(self.config.conditions)

    def _with_latents(self, nets: VideoDiffusion, networks: Networks) -> WithLatents:
        return WithLatents(nets, networks.vae, PixelError.of(self.config, networks.vae))

    def _video(self, networks: Networks) -> VideoDiffusion:
        return VideoDiffusion(self.config, networks.condition_encoder, networks.denoiser)


def _bytes(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.uint8, device=META)


def _floats(*shape: int) -> Tensor:
    return torch.zeros(*shape, device=META)
