"""Tokens and embeddings (section 3.5): how the codebook is used, what it loses, and whether sentences end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

import signvip
from signvip.errors import DataError
from signvip.measures import MeanOfClips, Measure, Summed, check_pairs

ENOUGH = 20  # tokens a code: fewer leave codes unseen by chance


class Codebook(Measure):
    """Share of the codes that occur in the whole set, exp(entropy), and that over their number; higher is better.

    Usage alone misleads: a code that occurs once counts as one that occurs always. Both need some twenty tokens a code.
    """

    class Config(signvip.Config):
        vocab_size: int = Field(ge=1, description="Codes that the quantizer has: the product of its levels.")

    takes = "tokens"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.signature = (
            f"distinct over {config.vocab_size} codes; exp(entropy), and its share of the codes; whole set"
        )

    def __call__(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
        check_pairs("codebook", generated, truth)
        tokens = np.concatenate([np.asarray(clip).ravel() for clip in generated])
        size = self.config.vocab_size
        whole = np.issubdtype(tokens.dtype, np.integer)
        if not whole or not len(tokens) or tokens.min() < 0 or tokens.max() >= size:
            raise DataError(f"codebook takes tokens in [0, {size}); these are not, or there are none.")
        counts = np.bincount(tokens, minlength=size)
        shares = counts[counts > 0] / counts.sum()
        perplexity = float(np.exp(-(shares * np.log(shares)).sum()))
        return {
            "codebook_usage": float((counts > 0).mean()),
            "codebook_perplexity": perplexity,
            "codebook_perplexity_share": perplexity / size,
        }

    def counted(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> int:
        return sum(np.asarray(clip).size for clip in generated)

    def remark(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> str | None:
        count, least = self.counted(generated, truth), ENOUGH * self.config.vocab_size
        return (
            f"{count} tokens are few for the codebook: usage is too low below {least}."
            if count < least
            else None
        )


class EosRate(MeanOfClips):
    """Share of the translations that ended by [EOS] and not by the guard on their length; higher is better."""

    class Config(signvip.Config):
        max_frames: int = Field(ge=1, description="The guard: a translation of this length did not end.")

    takes, key = "tokens", "eos_rate"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.signature = f"shorter than {config.max_frames} frames"

    def of_clips(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> list[float | None]:
        check_pairs("eos_rate", generated, truth)
        return [float(len(tokens) < self.config.max_frames) for tokens in generated]


class CopyRate(Summed):
    """Share of the frames whose tokens (F, N) all repeat those of the frame before; the ground truth's is the floor.

    A translator that has learned to copy writes more of them than signers make.
    """

    takes, higher_is_better = "tokens", False
    signature = "all tokens of a frame equal those of the frame before, over all frames but the first"

    def statistics(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> np.ndarray:
        check_pairs("copy_rate", generated, truth)
        found = np.array([(copied(np.asarray(clip)).sum(), len(clip) - 1) for clip in generated])
        if not found[:, 1].any():
            raise DataError("copy_rate needs clips of at least two frames.")
        return found

    def score(self, sums: np.ndarray) -> dict[str, float]:
        copies, frames = sums.tolist()
        return {"copy_rate": copies / frames if frames else math.nan}


class Reconstruction(Measure):
    """Mean squared error of embeddings (F, C, h, w) after the quantizer, over their variance and as such.

    Lower is better. The error as such depends on the scale of the embeddings; over the variance, 0 loses nothing and 1
    is as good as their mean.
    """

    takes = "embeddings"
    higher_is_better = False
    signature = (
        "MSE over variance, and MSE; standardised channels where the autoencoder does so, all frames at once"
    )

    def __call__(self, generated: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> dict[str, float]:
        check_pairs("reconstruction", generated, truth)
        error, spread = 0.0, Spread()
        for clip, (made, wanted) in enumerate(zip(generated, truth, strict=True)):
            if made.shape != wanted.shape:
                raise DataError(
                    f"reconstruction compares embeddings of one shape; clip {clip} has {made.shape} and "
                    f"{wanted.shape}."
                )
            if not (np.isfinite(made).all() and np.isfinite(wanted).all()):
                raise DataError(
                    "reconstruction was given embeddings that are not numbers; leave those clips out."
                )
            made, wanted = made.astype(np.float64), wanted.astype(np.float64)
            error += float(((made - wanted) ** 2).sum())
            spread.add(wanted)
        if spread.squares == 0:
            raise DataError("reconstruction has no variance to compare with: the embeddings are all alike.")
        return {"reconstruction": error / spread.squares, "reconstruction_mse": error / spread.count}


class Spread:
    """Mean and squared distances from it of arrays that are seen one after another (Chan, Golub and LeVeque, 1979)."""

    def __init__(self) -> None:
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        """Take in some more values, in float64."""
        if not values.size:
            return
        total, apart = self.count + values.size, float(values.mean()) - self.mean
        self.squares += float(values.var()) * values.size + apart**2 * self.count * values.size / total
        self.mean += apart * values.size / total
        self.count = total


def copied(tokens: np.ndarray) -> np.ndarray:
    """Return whether each frame but the first of (F, N) repeats the tokens of the one before: (F - 1,) bool."""
    repeats: np.ndarray = (tokens[1:] == tokens[:-1]).all(axis=1)
    return repeats
