"""Context windows: clips longer than the temporal attention's length are denoised in overlapping pieces.

Where windows lie, which are denoised together, and how they become one again: a frame is the mean of its windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from signvip.errors import ConfigError

if TYPE_CHECKING:
    from signvip.contracts import Denoiser

Tail = Literal["shifted", "reflected"]
"""The last window: moved back to end with the clip, or filled with the frames before, reversed (the authors' code)."""

KEPT_WINDOWS = 4
"""Of so many windows what `guide` gives is kept: memory is not to grow with a clip, and a guider is 2 % of a step."""

Predict = Callable[[Tensor, "WindowBatch"], Tensor]
"""Latents (B*k, F, 4, h, w) of a batch of windows to what the scheduler wants for them."""


def windows(num_frames: int, length: int, overlap: int, tail: Tail = "shifted") -> list[Sequence[int]]:
    """Cover all frames by ranges of `length` (or the whole clip), neighbours sharing `overlap` frames.

    Shifted, no frame is computed to be thrown away; reflected, some frames stand in the last window twice.
    """
    if not 0 <= overlap < length:
        raise ConfigError(
            f"A window of {length} frames cannot share {overlap} frames with the next;"
            f" choose an overlap from 0 to {length - 1}."
        )
    if tail == "reflected" and num_frames > length:
        starts = range(0, num_frames, length - overlap)
        return [[_reflect(i, num_frames) for i in range(start, start + length)] for start in starts]
    last = max(num_frames - length, 0)
    begins = [*range(0, last, length - overlap), last]
    return [range(start, min(start + length, num_frames)) for start in begins]


def _reflect(place: int, num_frames: int) -> int:
    return place if place < num_frames else 2 * num_frames - 2 - place


class WindowBatch:
    """k windows that are denoised together; those of one clip are neighbours on the batch axis."""

    def __init__(self, parts: Sequence[Sequence[int]], denoiser: Denoiser, e: Tensor, *, keeps: bool) -> None:
        self.frames = torch.tensor([list(part) for part in parts], device=e.device)  # (k, F)
        self.seen = [_seen(part, e.device) for part in parts]
        self.denoiser, self.e = denoiser, e
        # guidance by e knows no time, so that it serves all steps
        self.kept = denoiser.guide(self.pick(e)) if keeps else None
        self.cache: dict[str, Any] | None = None

    def pick(self, clips: Tensor) -> Tensor:
        """Cut the windows out of clips: (B, frames, ...) -> (B*k, F, ...)."""
        return clips[:, self.frames].flatten(0, 1)

    def guide(self) -> Any:
        """Return what the denoiser reads of e in these windows."""
        return self.denoiser.guide(self.pick(self.e)) if self.kept is None else self.kept

    def empty_cache(self) -> None:
        """Let the next step be exact, and the steps after it read what it leaves."""
        self.cache = {}


def make_batches(
    parts: Sequence[Sequence[int]], size: int, denoiser: Denoiser, e: Tensor
) -> list[WindowBatch]:
    """Group the windows of clips with embeddings e (B, frames, C, h, w) by `size`."""
    kept = max(KEPT_WINDOWS, size)
    firsts = range(0, len(parts), size)
    return [WindowBatch(parts[i : i + size], denoiser, e, keeps=i + size <= kept) for i in firsts]


def mean_over(batches: Sequence[WindowBatch], latents: Tensor, predict: Predict) -> Tensor:
    """Return the prediction for whole clips (B, frames, 4, h, w): each frame is the mean of its windows."""
    total, count = torch.zeros_like(latents), latents.new_zeros(1, latents.shape[1], 1, 1, 1)
    for batch in batches:
        made = predict(batch.pick(latents), batch).unflatten(0, (len(latents), -1))
        for window, (frames, places) in zip(made.unbind(1), batch.seen, strict=True):
            total[:, frames] += window[:, places]
            count[:, frames] += 1
    return total / count


def _seen(part: Sequence[int], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return a window's frames and their places in it; a frame that is there twice counts once (the authors' code)."""
    places = {frame: place for place, frame in enumerate(part)}
    return torch.tensor(list(places), device=device), torch.tensor(list(places.values()), device=device)
