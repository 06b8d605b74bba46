"""Latents to the frames that a caller asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from signvip.data.pixels import to_pixels
from signvip.errors import RunError
from signvip.models.vae import decode_latents

if TYPE_CHECKING:
    from diffusers import AutoencoderKL

DECODE_CHUNK = 8  # frames that the VAE decodes together


@torch.no_grad()
def decode(vae: AutoencoderKL, latents: Tensor) -> Iterator[Tensor]:
    """Decode latents (F, 4, h, w) a few frames at a time: (f, 3, H, W) in [-1, 1]."""
    for part in latents.split(DECODE_CHUNK):
        yield finite(decode_latents(vae, part), "frames")


def regrouped(parts: Iterator[Tensor], length: int = DECODE_CHUNK) -> Iterator[Tensor]:
    """Yield the rows of all parts, `length` at a time: a network may round other batches otherwise."""
    kept: list[Tensor] = []
    for part in parts:
        rows = torch.cat([*kept, part])
        whole = len(rows) - len(rows) % length
        yield from rows[:whole].split(length) if whole else ()
        kept = [rows[whole:]]
    if kept and len(kept[0]):
        yield kept[0]


def finite(values: Tensor, name: str) -> Tensor:
    """Return values as they are; RunError where one is not finite, which a video would show as one colour."""
    if not math.isfinite(float(values.abs().amax())):
        raise RunError(
            f"The {name} are not finite: weights or precision fail them; use --dtype fp32 (torch_dtype=torch.float32), "
            "or train stage 1 again with --fresh."
        )
    return values


def as_asked(parts: Iterator[Tensor], output_type: str) -> Any:
    """Return frames (f, 3, H, W) in [-1, 1], that come in parts, as the `output_type` of a pipeline says."""
    if output_type == "stream":
        return map(to_pixels, parts)
    frames = ((torch.cat(list(parts)).float().clamp(-1, 1) + 1) / 2).cpu()
    if output_type == "pt":
        return frames
    array = frames.permute(0, 2, 3, 1).numpy()
    if output_type == "np":
        return array
    return [Image.fromarray((frame * 255).round().astype(np.uint8)) for frame in array]
