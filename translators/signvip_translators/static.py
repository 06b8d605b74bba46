"""Generation in buffers that are made once: a step has the same shapes for every frame, so that it can be compiled.

For CUDA, where launching the many small kernels of a step takes longer than reading the weights; on a CPU the growing
cache is as fast.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from signvip_translators.pointer import Letters
from signvip_translators.trunk import prefix_places

if TYPE_CHECKING:
    from signvip_translators.cached_decoding import Parts

Compile = Callable[[Callable[..., Tensor]], Callable[..., Tensor]]


class FixedHeadCache:
    """Keys and values (N * B, heads, room, channels) of the heads; what is not written yet is masked."""

    def __init__(self, room: int, device: torch.device) -> None:
        self.position = torch.zeros(1, dtype=torch.long, device=device)
        self.places = torch.arange(room, device=device)
        self._stores: list[Tensor] = []

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Add one frame; keys and values of the whole room, and which of them count (1, room)."""
        if not self._stores:
            shape = (*keys.shape[:2], len(self.places), keys.shape[3])
            self._stores = [keys.new_zeros(shape) for _ in range(2)]
        for store, new in zip(self._stores, (keys, values), strict=True):
            store.index_copy_(2, self.position, new)
        seen = self.places <= self.position
        self.position.add_(1)
        return self._stores[0], self._stores[1], seen[None]

    def reset(self) -> None:
        """Begin anew."""
        self.position.zero_()


class StaticDecoding:
    """Batches of one size on their way to tokens; `begin` again for each, in the same buffers."""

    def __init__(self, model: Parts, batch: int, max_frames: int, compile: Compile) -> None:
        from transformers import StaticCache

        weight = model.trunk.wpe.weight
        device = weight.device
        self.model, self.room = model, model.longest_text + 1 + max_frames
        known = inspect.signature(model.trunk.forward).parameters
        self.cache_name = "cache" if "cache" in known else "past_key_values"  # until transformers 5.40
        self.trunk_cache = StaticCache(config=model.trunk.config, max_cache_len=self.room)
        self.head_cache = FixedHeadCache(max_frames, device)
        self.mask = torch.zeros(batch, self.room, dtype=torch.bool, device=device)
        self.position = torch.zeros(1, dtype=torch.long, device=device)  # in the trunk's cache
        self.place = torch.zeros(1, 1, dtype=torch.long, device=device)  # of the frame, as the trunk is told
        width = model.trunk.config.hidden_size
        self.letters = Letters(
            torch.zeros(batch, model.longest_text + 2, width, device=device, dtype=weight.dtype),
            torch.zeros(batch, model.longest_text + 2, dtype=torch.bool, device=device),
        )
        self.coming = torch.zeros(
            batch, 1, dtype=torch.long, device=device
        )  # number of the next frame's letter
        self._advance_compiled = compile(self._advance)

    @torch.no_grad()
    def begin(self, texts: Sequence[str], languages: Sequence[str] | None) -> StaticDecoding:
        """Take other texts, as many as before."""
        self.trunk_cache.reset()
        self.head_cache.reset()
        self.prefix, mask = self.model.prefix(texts, languages)
        self.mask.zero_()
        self.mask[:, : mask.shape[1]] = mask
        self.position.fill_(mask.shape[1])
        self.place.fill_(self.model.first_place)
        if self.model.pointer is not None:
            for room, found in zip(self.letters, self.model.pointer.letters(self.prefix, mask), strict=True):
                room.zero_()
                room[:, : found.shape[1]] = found
        return self

    def start(self) -> Tensor:
        """Read the texts: logits (B, N, V + 1) of the first frame. Their lengths differ, so this is not compiled."""
        words = self.prefix.shape[1]
        causal = torch.ones(words, self.room, dtype=torch.bool, device=self.mask.device).tril()
        own = torch.eye(
            words, self.room, dtype=torch.bool, device=self.mask.device
        )  # padding must see something
        places = prefix_places(self.mask[:, :words])
        return self._run(self.prefix, places, causal & self.mask[:, None] | own)

    def step(self, tokens: Tensor) -> Tensor:
        """Read the tokens (B, N) of one frame: logits of the next, to be used before the next step."""
        torch.compiler.cudagraph_mark_step_begin()
        return self._advance_compiled(tokens)

    def _advance(self, tokens: Tensor) -> Tensor:
        self.mask.index_fill_(1, self.position, True)
        frames = self.model.mixer(tokens[:, None])
        if self.model.pointer is not None:
            frames = frames + self.model.pointer.told(self.letters, self.coming)
        logits = self._run(frames, self.place.expand(len(tokens), 1), self.mask[:, None])
        self.position.add_(1)
        self.place.add_(1)
        return logits

    def _run(self, states: Tensor, places: Tensor, mask: Tensor) -> Tensor:
        output = self.model.trunk(
            inputs_embeds=states,
            attention_mask=mask[:, None],
            position_ids=places,
            use_cache=True,
            **{self.cache_name: self.trunk_cache},
        )
        if self.model.pointer is not None:
            scores = self.model.pointer.scores(output.last_hidden_state[:, -1:], self.letters)
            self.coming.copy_(scores.argmax(-1))
        outputs = self.model.heads(output.last_hidden_state[:, -1:], self.head_cache)
        return self.model.prediction.logits(outputs[:, :, 0]).transpose(0, 1)
