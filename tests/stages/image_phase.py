"""The image phase of stage 1 on shards, its networks without memory: what its batches hold can be looked at."""

from __future__ import annotations

from pathlib import Path

from signvip.config import RunConfig
from signvip.models.vae import build_vae
from signvip.stages.rehearsal import Rehearsal
from signvip.stages.video import VideoPhase


def image_phase(config: RunConfig, shards: Path, cached: bool = False) -> VideoPhase:
    nets = Rehearsal(config).image.nets
    vae = build_vae(**config.vae)
    return VideoPhase("stage1-image", config, config.stage1.image, shards, vae, nets, cached)
