"""What a run predicts from text: tokens of its autoencoder, or the coordinates of its conditions (Table 6)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from signvip.models import Autoencoder, Codec, Coordinates
from signvip.run import Run
from signvip.stages.clips import Clips

CODECS: dict[str, type[Codec]] = {"tokens": Autoencoder, "coordinates": Coordinates}
CHUNK = 64  # frames that go through a network together


def load_codec(run: Run) -> Codec:
    """The run's codec, of the class that its configuration names; RunError where it is missing."""
    return run.load("autoencoder", CODECS[run.config.intermediate])


@torch.no_grad()
def tokens_of(codec: Codec, clips: Clips, clip: int, embed: Callable[[], Tensor]) -> Tensor:
    """The tokens (F, N) of a true clip; `embed` gives its embeddings e (F, C, h, w), where they are needed."""
    if isinstance(codec, Coordinates):
        return codec.encode_arrays(clips.coordinates(clip))
    assert isinstance(codec, Autoencoder)
    parts = embed().split(CHUNK)
    return torch.cat([codec.encode(part.to(codec.device)).tokens for part in parts]).flatten(1)
