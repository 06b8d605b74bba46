"""The parts of a run that all stages use: its codec and VAE by their classes, tokens and embeddings of frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from signvip.data.pixels import to_model
from signvip.errors import MismatchError
from signvip.models import Codec, ConditionEncoder, Coordinates, EmbeddingCodec, VideoDenoiser
from signvip.models.denoising import read_denoiser
from signvip.models.networks import autoencoder_class
from signvip.models.vae import vae_class
from signvip.run import Run
from signvip.stages.clips import Clips
from signvip.training.trainable import Frozen

CHUNK = 64  # frames that go through a network together


def load_codec(run: Run) -> Codec:
    """Load the run's codec, with the class and quantizer that its configuration names; RunError where they differ."""
    if run.config.intermediate != "tokens":
        return run.load("autoencoder", Coordinates)
    codec: Codec = run.load("autoencoder", autoencoder_class(run.config))
    found = {"name": codec.config["quantizer"], **(codec.config["quantizer_config"] or {})}
    wanted = run.config.quantizer.model_dump(mode="json")
    if found != wanted:  # stage 2 was asked for another, and has not finished
        raise MismatchError(
            f"The autoencoder of {run.path} has the quantizer {_told(found)}, where this configuration asks for "
            f"{_told(wanted)}; first run: signvip train --stage 2 --run {run.path}"
        )
    return codec


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


@torch.no_grad()
def embed(encoder: Frozen[ConditionEncoder], batch: Mapping[str, Tensor]) -> Tensor:
    """Embeddings e (B, C, h, w) of a batch of single frames, stored or computed from drawings (B, K*3, H, W) uint8."""
    if "embeddings" in batch:
        return batch["embeddings"].float()
    return encoder.network(to_model(batch["conditions"]))


@torch.no_grad()
def tokens_of(codec: Codec, clips: Clips, clip: int, embed: Callable[[], Tensor]) -> Tensor:
    """Return the tokens (F, N) of a true clip; `embed` gives its embeddings e (F, C, h, w), where they are needed."""
    if isinstance(codec, Coordinates):
        return codec.encode_arrays(clips.coordinates(clip))
    assert isinstance(codec, EmbeddingCodec)
    parts = embed().split(CHUNK)
    return torch.cat([codec.encode(part.to(codec.device)).tokens for part in parts]).flatten(1)
