"""A head's prediction of its next token: one softmax over all codes (appendix B), or one for each digit of a code.

Digits of FSQ's [5, 5, 5, 5] are four softmaxes of five in the place of one of 625. A digit is learned from every code
that has it, so that codes which training saw seldom are predicted too; in return digits of a token are independent.
Either way a head gives log-likelihoods of V codes and [EOS], and its loss is the negative one of the target (Eq. 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from math import prod
from operator import mul
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from signvip.errors import ConfigError

IGNORED = -100  # a target that is padding

Prediction = Literal["codes", "digits"]


class Predicting(Protocol):
    """A way to read the outputs (..., outputs) of a head; targets are in [0, V), V is [EOS]."""

    outputs: int
    kept: int  # of them, out of training: [PAD] is never a target, and would only take part in the softmax

    def logits(self, outputs: Tensor) -> Tensor:
        """Return logits (..., V + 1) of the codes and [EOS]."""
        ...

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the mean negative log-likelihood of the targets (...) that are not `IGNORED`."""
        ...

    def best(self, outputs: Tensor) -> Tensor:
        """Return the likeliest of the V codes and [EOS], (...)."""
        ...


def predicting(kind: Prediction, vocab_size: int, digits: Sequence[int] | None, padded: bool) -> Predicting:
    """Choose how heads predict; ConfigError where a quantizer's tokens have no digits to be predicted."""
    if kind == "codes":
        return Codes(vocab_size, padded)
    if digits is None or prod(digits) != vocab_size:
        raise ConfigError(
            "translator: the quantizer's tokens are not made of digits, which translator.prediction=digits predicts; "
            "take quantizer.name=fsq, or translator.prediction=codes."
        )
    if padded:
        raise ConfigError(
            "translator: [PAD] is an id among codes, and digits have none; set translator.special_ids=eos, or "
            "translator.prediction=codes."
        )
    return Digits(digits)


class Codes:
    """One logit for each code, then [EOS], and in the authors' code [PAD]."""

    def __init__(self, vocab_size: int, padded: bool = False) -> None:
        self.kept, self.outputs = vocab_size + 1, vocab_size + 1 + padded

    def logits(self, outputs: Tensor) -> Tensor:
        """They are what the head gives."""
        return outputs[..., : self.kept]

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the cross-entropy over all ids."""
        return functional.cross_entropy(
            outputs.flatten(0, -2).float(), targets.flatten(), ignore_index=IGNORED
        )

    def best(self, outputs: Tensor) -> Tensor:
        """Return the largest logit."""
        return outputs.argmax(-1)


class Digits:
    """A logit for each level of each digit, the fastest counting digit first; then one of the end, as of a coin."""

    def __init__(self, levels: Sequence[int]) -> None:
        self.levels, self.vocab_size = tuple(levels), prod(levels)
        self.places = list(accumulate(self.levels[:-1], mul, initial=1))  # of a token, by digit
        self.outputs = self.kept = sum(self.levels) + 1

    def logits(self, outputs: Tensor) -> Tensor:
        """Return logits by which a code goes on and has all its digits; [EOS] does not go on."""
        *digits, end = self._split(outputs)
        codes = functional.logsigmoid(-end)
        for digit in digits:
            codes = (digit.log_softmax(-1)[..., :, None] + codes[..., None, :]).flatten(-2)
        return torch.cat([codes, functional.logsigmoid(end)], dim=-1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the same as the cross-entropy of `logits`, of which there may be thousands, without making them."""
        *digits, end = self._split(outputs)
        known, ends = targets != IGNORED, targets == self.vocab_size
        total = functional.binary_cross_entropy_with_logits(end[..., 0], ends.float(), reduction="none")
        codes = targets.clamp(0, self.vocab_size - 1)
        for digit, place, level in zip(digits, self.places, self.levels, strict=True):
            own = -digit.log_softmax(-1).gather(-1, (codes // place % level)[..., None])[..., 0]
            total = total + own.masked_fill(ends, 0)
        return total.masked_fill(~known, 0).sum() / known.sum()

    def best(self, outputs: Tensor) -> Tensor:
        """Return the likeliest digits, or the end where it is likelier than all of them together."""
        *digits, end = self._split(outputs)
        chosen = [digit.log_softmax(-1).max(-1) for digit in digits]
        codes = sum(index * place for (_, index), place in zip(chosen, self.places, strict=True))
        likelihood = functional.logsigmoid(-end[..., 0]) + sum(value for value, _ in chosen)
        return torch.where(functional.logsigmoid(end[..., 0]) > likelihood, self.vocab_size, codes)

    def _split(self, outputs: Tensor) -> Sequence[Tensor]:
        return outputs.float().split([*self.levels, 1], dim=-1)
