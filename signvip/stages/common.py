"""What all three stages do around their phases: look at the shards, seed, and make a run loadable as a whole."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch
from diffusers import ModelMixin

from signvip.data.derived import is_current
from signvip.data.manifest import Manifest
from signvip.errors import MismatchError
from signvip.models import PoseDrawer, PoseHead, TokenTranslator
from signvip.pipeline import save_index
from signvip.run import MAKERS, OF_POSES, OPTIONAL, Run
from signvip.stages import PhaseKey
from signvip.stages.parts import load_denoiser, load_tokenizer, load_vae
from signvip.storage import fits
from signvip.storage.processes import is_main
from signvip.training.seeds import step_seed

POSE_PARTS: dict[str, type[ModelMixin]] = dict(zip(OF_POSES, (PoseHead, PoseDrawer, PoseHead), strict=True))
"""The class of each part that reads, moves or draws poses."""


def check_shards(run: Run, shards: Path) -> None:
    """Shards of another size, rate or set of conditions are refused in words."""
    Manifest.read(shards).check_sources(run.config.size, run.config.fps, list(run.config.conditions), shards)


def is_stored(run: Run, shards: Path, part: str) -> bool:
    """Return whether what `encode` stored came from the weights in this run; stale values are computed anew."""
    return is_current(shards, part, run.fingerprint(part), ("train", "dev"))


def seed(run: Run, key: PhaseKey) -> None:
    """Random weights that depend on the seed and the phase alone, whatever was trained before."""
    torch.manual_seed(step_seed(run.config.seed, key.name, -1))


def save_if_whole(run: Run) -> None:
    """Let a run that has all parts, and whose parts fit, say what it has got."""
    whole = all(run.has(part) for part in MAKERS if part not in OPTIONAL)
    if not whole or any(fits.misfit(run.path, part) for part in fits.TRAINED_WITH):
        return
    with suppress(MismatchError):  # another quantizer is asked for, and stage 2 has yet to train it
        load_tokenizer(run)
        save_pipeline(run)


def save_pipeline(run: Run) -> None:
    """Write what makes a run loadable as a whole."""
    if not is_main():
        return
    save_index(
        run.path,
        run.config,
        {
            "vae": load_vae(run),
            "denoiser": load_denoiser(run),
            "autoencoder": load_tokenizer(run),
            "translator": run.load("translator", TokenTranslator),
            **{part: run.load(part, kind) if run.has(part) else None for part, kind in POSE_PARTS.items()},
        },
    )
