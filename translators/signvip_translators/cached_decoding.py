"""Text and frames so far to the logits or values of the next frame, all keys and values kept (appendix B)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from signvip_translators.parallel_heads import HeadCache
from signvip_translators.trunk import prefix_places, read_states, seen_words
from signvip_translators.words import character_at

if TYPE_CHECKING:
    from torch import nn
    from transformers import GPT2Model

    from signvip_translators.parallel_heads import ParallelHeads
    from signvip_translators.pointer import Pointer
    from signvip_translators.prefix import TextPrefix


class Reading(Protocol):
    """A way to read the outputs of a head."""

    def logits(self, outputs: Tensor) -> Tensor:
        """Return what is made of outputs (..., outputs): logits of codes and [EOS], or values."""
        ...


class Parts(Protocol):
    """The parts of a translator that goes frame by frame."""

    prefix: TextPrefix
    pointer: Pointer | None
    trunk: GPT2Model
    heads: ParallelHeads
    first_place: int
    longest_text: int

    @property
    def mixer(self) -> nn.Module:
        """Tokens (B, F, N), or values (B, F, N * channels), to states (B, F, C)."""
        ...

    @property
    def prediction(self) -> Reading:
        """How the heads' outputs are read."""
        ...


class CachedDecoding:
    """A batch on its way to tokens or values: keys and values of text and frames are computed once and kept."""

    def __init__(self, model: Parts, texts: Sequence[str], languages: Sequence[str] | None) -> None:
        self.model, self.place = model, model.first_place
        self.prefix, self.mask = model.prefix(texts, languages)
        self.caches, self.head_cache = [HeadCache() for _ in model.trunk.h], HeadCache()
        self.padded = not bool(self.mask.all())
        self.letters = None if model.pointer is None else model.pointer.letters(self.prefix, self.mask)
        if len(texts) == 1:
            model.heads.order_by_outputs()

    def start(self) -> Tensor:
        """Read the texts: logits (B, N, V + 1), or values and the end (B, N, values + 1), of the first frame."""
        return self._run(self.prefix, prefix_places(self.mask), seen_words(self.mask))

    def step(self, frame: Tensor) -> Tensor:
        """Read the tokens (B, N) or values (B, N * channels) of one frame: what `start` gives, of the next."""
        self.mask = functional.pad(self.mask, (0, 1), value=True)
        places = torch.full((len(frame), 1), self.place, device=frame.device)
        self.place += 1
        seen = self.mask[:, None, None] if self.padded else None
        frames = self.model.mixer(frame[:, None])
        if self.model.pointer is not None and self.letters is not None:
            frames = frames + self.model.pointer.told(self.letters, self.coming)
        return self._run(frames, places, seen)

    def _run(self, states: Tensor, places: Tensor, seen: Tensor | None) -> Tensor:
        hidden = read_states(self.model.trunk, states, places, seen, self.caches)
        if self.model.pointer is not None and self.letters is not None:
            self.coming = self.model.pointer.scores(hidden[:, -1:], self.letters).argmax(-1)
        outputs = self.model.heads(hidden[:, -1:], self.head_cache)
        return self.model.prediction.logits(outputs[:, :, 0]).transpose(0, 1)


def letters_signed(model: Parts, text: str, frames: Tensor, language: str | None) -> list[int]:
    """Return which character of a text each of its frames (F, ...) signs or comes to, -1 of none, by the pointer.

    As it went when it made them.
    """
    decoding = CachedDecoding(model, [text], None if language is None else [language])
    decoding.start()
    numbers = [decoding.coming]
    for frame in frames[:-2]:
        decoding.step(frame[None])
        numbers.append(decoding.coming)
    signed = [character_at(text, int(number) - 1) for number in numbers]
    return [signed[0], *signed][: len(frames)]  # nothing before the first frame tells its letter


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Leave out, within the block, what is for training alone."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
