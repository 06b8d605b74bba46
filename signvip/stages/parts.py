"""The parts of a run that all stages use: its tokenizer and VAE by their classes, tokens and embeddings of frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from signvip.data.pixels import to_model
from signvip.errors import MismatchError
from signvip.models import (
    ConditionEncoder,
    Coordinates,
    EmbeddingTokenizer,
    PoseDrawer,
    Tokenizer,
    VideoDenoiser,
)
from signvip.models.networks import autoencoder_class
from signvip.models.vae import vae_class
from signvip.models.video_denoiser import read_denoiser
from signvip.run import Run
from signvip.stages.clips import Clips
from signvip.storage import fits
from signvip.training.trainable import Frozen

CHUNK = 64  # frames that go through a network together


def load_tokenizer(run: Run) -> Tokenizer:
    """Load the tokenizer of a run, with the class and quantizer of its configuration; RunError where they differ."""
    if run.config.intermediate != "tokens":
        return run.load("autoencoder", Coordinates)
    tokenizer: Tokenizer = run.load("autoencoder", autoencoder_class(run.config))
    found = {"name": tokenizer.config["quantizer"], **(tokenizer.config["quantizer_config"] or {})}
    wanted = run.config.quantizer.model_dump(mode="json")
    if found != wanted:  # stage 2 was asked for another, and has not finished
        raise MismatchError(
            f"The autoencoder of {run.path} has the quantizer {_told(found)}, where this configuration asks for "
            f"{_told(wanted)}; first run: signvip train --stage 2 --run {run.path}"
        )
    return tokenizer


def _told(quantizer: Mapping[str, Any]) -> str:
    """Return a quantizer as people write it: fsq levels=[5, 5, 5, 5]."""
    options = (f"{name}={value}" for name, value in quantizer.items() if name != "name")
    return " ".join([str(quantizer["name"]), *options])


def load_vae(run: Run) -> AutoencoderKL:
    """Load the run's VAE, of the class that its section [vae] asks for; RunError where it is missing."""
    return run.load("vae", vae_class(run.config.vae))


def load_denoiser(run: Run) -> VideoDenoiser:
    """Load the run's denoiser, from all folders that it is stored in."""
    return read_denoiser(run.config.denoiser.name, run.load)


def guiding_encoder(run: Run) -> ConditionEncoder:
    """Load the encoder whose embeddings guide a run's pictures: its own, or that of the poses that it draws again."""
    drawer = learned_drawer(run)
    return run.load("condition_encoder", ConditionEncoder) if drawer is None else drawer.condition_encoder


def learned_drawer(run: Run) -> PoseDrawer | None:
    """Load what draws a run's poses again, if it was trained with the pictures and not outlived by a new encoder."""
    if not run.has("pose_drawer") or fits.misfit(run.path, "pose_drawer") is not None:
        return None
    drawer = run.load("pose_drawer", PoseDrawer)
    return drawer if drawer.learned else None


@torch.no_grad()
def embed(encoder: Frozen[ConditionEncoder], batch: Mapping[str, Tensor]) -> Tensor:
    """Embeddings e (B, C, h, w) of a batch of single frames, stored or computed from drawings (B, K*3, H, W) uint8."""
    if "embeddings" in batch:
        return batch["embeddings"].float()
    return encoder.network(to_model(batch["conditions"]))


@torch.no_grad()
def tokens_of(tokenizer: Tokenizer, clips: Clips, clip: int, embed: Callable[[], Tensor]) -> Tensor:
    """Return the tokens (F, N) of a true clip; `embed` gives its embeddings e (F, C, h, w), where they are needed."""
    if isinstance(tokenizer, Coordinates):
        return tokenizer.encode_arrays(clips.coordinates(clip))
    assert isinstance(tokenizer, EmbeddingTokenizer)
    parts = embed().split(CHUNK)
    return torch.cat([tokenizer.encode(part.to(tokenizer.device)).tokens for part in parts]).flatten(1)
