"""Tables that no training changes: computed from the configuration, since a file may have them in half precision."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from diffusers.models.embeddings import SinusoidalPositionalEmbedding
from torch import Tensor

from signvip.errors import DataError

PLACES = ("pos_encoder.pe", "pos_embed.embed")
"""Ends of the release's keys for sines and cosines, (1, places, C) or (places, 1, C): only their length is taken."""
TABLES = ("pos_embed.pe", "mean", "std")
"""Ends of the engine's own keys for what follows from the configuration; parts of plugins say so themselves."""


def check_tables(part: str, tensors: Mapping[str, Tensor]) -> None:
    """DataError for a table of places that is not the one we compute, to the precision of a file."""
    for key, value in tensors.items():
        if key.endswith(PLACES) and not torch.allclose(value.float().squeeze(), _sines(value), atol=1e-2):
            raise DataError(
                f"{key} of the {part} is not the fixed table of sines of the authors' code; give the weights that were "
                "trained with it."
            )


def table(key: str, like: Tensor) -> Tensor:
    """Return a table in float32 under our name; e enters the authors' autoencoder as it is."""
    if key.endswith("pos_embed.pe"):
        return _sines(like).view(like.shape)
    return torch.ones(like.shape) if key == "std" else torch.zeros(like.shape)


def _sines(like: Tensor) -> Tensor:  # (places, C)
    channels = like.shape[-1]
    return SinusoidalPositionalEmbedding(channels, like.numel() // channels).pe[0]
