"""Text and frames so far to the logits of the next frame, with all keys and values kept (appendix B)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from signvip_translators.parallel_heads import HeadCache
from signvip_translators.trunk import prefix_places, read_states, seen_words

if TYPE_CHECKING:
    from transformers import GPT2Model

    from signvip_translators.mixer import TokenMixer
    from signvip_translators.parallel_heads import ParallelHeads
    from signvip_translators.pointer import Pointer
    from signvip_translators.prefix import TextPrefix
    from signvip_translators.token_loss import Predicting


class Parts(Protocol):
    """The parts of a translator that goes frame by frame."""

    prefix: TextPrefix
    pointer: Pointer | None
    mixer: TokenMixer
    trunk: GPT2Model
    heads: ParallelHeads
    prediction: Predicting
    first_place: int
    longest_text: int


class CachedDecoding:
    """A batch on its way to tokens: keys and values of text and frames are computed once and kept."""

    def __init__(self, model: Parts, texts: Sequence[str], languages: Sequence[str] | None) -> None:
        self.model, self.place = model, model.first_place
        self.prefix, self.mask = model.prefix(texts, languages)
        self.caches, self.head_cache = [HeadCache() for _ in model.trunk.h], HeadCache()
        self.padded = not bool(self.mask.all())
        self.letters = None if model.pointer is None else model.pointer.letters(self.prefix, self.mask)
        if len(texts) == 1:
            model.heads.order_by_outputs()

    def start(self) -> Tensor:
        """Read the texts: logits (B, N, V + 1) of the first frame."""
        return self._run(self.prefix, prefix_places(self.mask), seen_words(self.mask))

    def step(self, tokens: Tensor) -> Tensor:
        """Read the tokens (B, N) of one frame: logits of the next."""
        self.mask = functional.pad(self.mask, (0, 1), value=True)
        places = torch.full((len(tokens), 1), self.place, device=tokens.device)
        self.place += 1
        seen = self.mask[:, None, None] if self.padded else None
        frames = self.model.mixer(tokens[:, None])
        if self.model.pointer is not None and self.letters is not None:
            frames = frames + self.model.pointer.told(self.letters, self.coming)
        return self._run(frames, places, seen)

    def _run(self, states: Tensor, places: Tensor, seen: Tensor | None) -> Tensor:
        hidden = read_states(self.model.trunk, states, places, seen, self.caches)
        if self.model.pointer is not None and self.letters is not None:
            self.coming = self.model.pointer.scores(hidden[:, -1:], self.letters).argmax(-1)
        outputs = self.model.heads(hidden[:, -1:], self.head_cache)
        return self.model.prediction.logits(outputs[:, :, 0]).transpose(0, 1)
