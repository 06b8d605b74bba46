"""Parts whose class a run's configuration chooses: what is predicted from text (Table 6), and the VAE."""

from __future__ import annotations

from collections.abc import Callable

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from signvip.models import Codec, Coordinates, EmbeddingCodec
from signvip.models.vae import vae_class
from signvip.networks import autoencoder_class
from signvip.run import Run
from signvip.stages.clips import Clips

CHUNK = 64  # frames that go through a network together


def load_codec(run: Run) -> Codec:
    """The run's codec, of the class that its configuration names; RunError where it is missing."""
    wanted: type[Codec] = Coordinates
    if run.config.intermediate == "tokens":
        wanted = autoencoder_class(run.config)
    return run.load("autoencoder", wanted)


def load_vae(run: Run) -> AutoencoderKL:
    """The run's VAE, of the class that its section [vae] asks for; RunError where it is missing."""
    return run.load("vae", vae_class(run.config.vae))


@torch.no_grad()
def tokens_of(codec: Codec, clips: Clips, clip: int, embed: Callable[[], Tensor]) -> Tensor:
    """The tokens (F, N) of a true clip; `embed` gives its embeddings e (F, C, h, w), where they are needed."""
    if isinstance(codec, Coordinates):
        return codec.encode_arrays(clips.coordinates(clip))
    assert isinstance(codec, EmbeddingCodec)
    parts = embed().split(CHUNK)
    return torch.cat([codec.encode(part.to(codec.device)).tokens for part in parts]).flatten(1)
