"""Which letter each frame signs: told to the frame, and predicted for the next one (Pointer Networks, 1506.03134).

Attention alone has to find out from the tokens where in a text a frame is, which takes more clips than learning what a
letter looks like. Not the paper's: its sentences are signed in another order than they are written.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

Alignment = Literal["attention", "pointer"]
"""How frames find their place in the text: by attention alone, as in the paper, or by a pointer that goes along."""


class Letters(NamedTuple):
    """All that a pointer can point at: no letter, which is number 0, then the states of a text, padded before it."""

    states: Tensor  # (B, T, C)
    there: Tensor  # (B, T), false where it is padded

    def coming(self, places: Tensor) -> Tensor:
        """Return the number of the letter after each frame (B, F), from their places in the text (B, F), -1 of none."""
        lengths = self.there[:, 1:].sum(1, keepdim=True)
        first = self.there.shape[1] - lengths
        numbers = torch.where(places < 0, 0, first + torch.minimum(places, lengths - 1))
        return functional.pad(numbers[:, 1:], (0, 1))  # after the last frame there is none


class Pointed(NamedTuple):
    """Letters, and the number of the one that comes after each frame (B, F)."""

    letters: Letters
    numbers: Tensor


class Pointer(nn.Module):
    """Tells each frame which letter comes after it, and predicts it: the state of a frame knows its letter so."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.nothing = nn.Parameter(0.5 * torch.randn(1, 1, width))
        self.tell = nn.Linear(width, width)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width)

    def letters(self, states: Tensor, mask: Tensor) -> Letters:
        """Return what can be pointed at, of a prefix (B, T, C) padded on the left, and its mask (B, T)."""
        nothing = self.nothing.expand(len(states), 1, -1)
        return Letters(torch.cat([nothing, states], dim=1), functional.pad(mask, (1, 0), value=True))

    def point(self, states: Tensor, mask: Tensor, places: Tensor) -> Pointed:
        """Return letters, as `letters` does, and which comes after each frame, from places in the text (B, F)."""
        letters = self.letters(states, mask)
        return Pointed(letters, letters.coming(places))

    def told(self, letters: Letters, numbers: Tensor) -> Tensor:
        """Return what frames are told (B, F, C), by the number of a letter (B, F)."""
        width = letters.states.shape[2]
        return self.tell(letters.states.gather(1, numbers[..., None].expand(-1, -1, width)))

    def scores(self, hidden: Tensor, letters: Letters) -> Tensor:
        """Return logits (B, F, T + 1) of the letter that comes after the frame that a state (B, F, C) predicts."""
        scores = self.query(hidden) @ self.key(letters.states).transpose(1, 2) * hidden.shape[2] ** -0.5
        return scores.masked_fill(~letters.there[:, None], torch.finfo(scores.dtype).min)

    def loss(self, hidden: Tensor, letters: Letters, numbers: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy of numbers (B, F) where they are `known` (B, F), and how many are right."""
        scores = self.scores(hidden, letters).float()
        each = functional.cross_entropy(scores.transpose(1, 2), numbers, reduction="none")
        count = known.sum().clamp(min=1)
        right = (scores.detach().argmax(-1) == numbers) & known
        return (each * known).sum() / count, right.sum() / count
