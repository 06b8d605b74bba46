"""The frame loop of generation: choose the tokens of a frame, decide whether the video ends, go on."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Literal, Protocol

import torch
from torch import Tensor

from signvip.errors import ConfigError, RunError

logger = logging.getLogger(__name__)

EosRule = Literal["any", "majority", "first"]


class Decoding(Protocol):
    """A batch of texts on its way to tokens, one frame at a time."""

    def start(self) -> Tensor:
        """Return the logits (B, N, V + 1) of the first frame."""
        ...

    def step(self, tokens: Tensor) -> Tensor:
        """Return the logits of the frame after the one with these tokens (B, N)."""
        ...


class Chooser:
    """Greedy at temperature 0, else sampling by the Gumbel-max trick with a generator for each row.

    A row draws until it ends and never after, so that a generator of its own leaves it as it would alone.
    `top_k` limits the tokens, while [EOS] always stays a candidate.
    """

    def __init__(
        self, temperature: float, top_k: int | None, generators: Sequence[torch.Generator] = ()
    ) -> None:
        if temperature < 0 or (top_k is not None and top_k < 1):
            raise ConfigError(
                "A temperature below 0 or a top-k below 1 has no meaning; use 0 or more, and 1 or more."
            )
        self.temperature, self.top_k, self.generators = temperature, top_k, generators

    def scores(self, logits: Tensor, ended: Tensor) -> Tensor:
        """Return what to maximise: logits (B, N, V + 1), with noise where the temperature is above 0.

        `ended` (B,) are the rows whose scores nobody reads any more.
        """
        if self.temperature == 0:
            return logits
        scores = logits.float() / self.temperature
        if self.top_k is not None and self.top_k < scores.shape[-1] - 1:
            words = scores[..., :-1]
            least = words.topk(self.top_k, dim=-1).values[..., -1:]
            scores = torch.cat([words.masked_fill(words < least, -torch.inf), scores[..., -1:]], dim=-1)
        for row, (generator, over) in enumerate(zip(self.generators, ended.tolist(), strict=True)):
            if not over:
                scores[row] -= _exponential(scores.shape[1:], generator).log().to(scores.device)
        return scores


def decode(decoding: Decoding, chooser: Chooser, rule: EosRule, max_frames: int) -> list[Tensor]:
    """Generate until every row has said [EOS]: one (F, N) tensor of tokens for each, 1 <= F <= max_frames."""
    logits = finite(decoding.start())
    ended = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
    scores = chooser.scores(logits, ended)
    lengths = torch.ones_like(ended, dtype=torch.long)
    frames = [scores[..., :-1].argmax(-1)]  # the first frame cannot be the end
    while len(frames) < max_frames:
        scores = chooser.scores(finite(decoding.step(frames[-1])), ended)
        ended = ended | says_end(scores.argmax(-1) == scores.shape[-1] - 1, rule)
        if ended.all():
            break
        frames.append(scores[..., :-1].argmax(-1))  # a head that alone says [EOS] gives its best token
        lengths += ~ended
    else:
        report_cut(int((~ended).sum()), max_frames)
    tokens = torch.stack(frames, dim=1)  # (B, F, N)
    return [row[:length] for row, length in zip(tokens, lengths.tolist(), strict=True)]


def finite(logits: Tensor) -> Tensor:
    """Return logits, or values; RunError where they are not numbers: the greatest of it would be the first token."""
    if not math.isfinite(float(logits.amax())):  # NaN is the greatest of all; what is left out may be -inf
        raise RunError(
            "The translator predicts numbers that are not finite; use --dtype fp32, or train it again: signvip train "
            "--stage 3 --fresh"
        )
    return logits


def says_end(eos: Tensor, rule: EosRule) -> Tensor:  # (B, N) -> (B,)
    """Return whether each clip ends, by which of its heads say so."""
    if rule == "any":
        return eos.any(1)
    return eos[:, 0] if rule == "first" else eos.float().mean(1) > 0.5


def report_cut(count: int, max_frames: int) -> None:
    """Say of how many texts there is no end within `max_frames`."""
    logger.warning(
        "%d of the texts did not end within %d frames and were cut there; raise max_frames, or sample with a "
        "temperature above 0.",
        count,
        max_frames,
    )


def _exponential(shape: torch.Size, generator: torch.Generator) -> Tensor:
    # made where the generator lives, so that a seed on the CPU gives the same tokens on every device
    return torch.empty(shape, device=generator.device).exponential_(generator=generator)
