"""Slow twins of what the translator does at once: heads in a loop, and decoding without a cache."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class OneHead(nn.Module):
    """Head n of `ParallelHeads` as layers of its own, with a cache that is concatenated."""

    def __init__(self, heads, n):
        super().__init__()
        self.attention_heads = heads.attention_heads
        self.enter = linear(heads.enter, n) if not isinstance(heads.enter, nn.Identity) else nn.Identity()
        self.norm_attention, self.norm_mlp, self.norm_out = (
            norm(layer, n) for layer in (heads.norm_attention, heads.norm_mlp, heads.norm_out)
        )
        self.query_key_value, self.attended, self.widen, self.narrow, self.classify = (
            linear(layer, n)
            for layer in (heads.query_key_value, heads.attended, heads.widen, heads.narrow, heads.classify)
        )

    def forward(self, states, cache=None):  # (B, F, C) -> (B, F, V + 1)
        x = self.enter(states)
        query, keys, values = (
            part.unflatten(2, (self.attention_heads, -1)).transpose(1, 2)
            for part in self.query_key_value(self.norm_attention(x)).chunk(3, dim=2)
        )
        if cache is not None:
            keys, values = torch.cat([*cache[:1], keys], dim=2), torch.cat([*cache[1:], values], dim=2)
            cache[:] = [keys, values]
        y = functional.scaled_dot_product_attention(query, keys, values, is_causal=query.shape[2] > 1)
        x = x + self.attended(y.transpose(1, 2).flatten(2))
        x = x + self.narrow(functional.gelu(self.widen(self.norm_mlp(x))))
        return self.classify(self.norm_out(x))


class LoopedHeads(nn.Module):
    """All heads one after another; `caches` is a list of N lists."""

    def __init__(self, heads):
        super().__init__()
        self.each = nn.ModuleList(OneHead(heads, n) for n in range(heads.count))

    def forward(self, states, caches=None):  # (B, F, C) -> (N, B, F, V + 1)
        caches = [None] * len(self.each) if caches is None else caches
        return torch.stack([head(states, cache) for head, cache in zip(self.each, caches, strict=True)])


class UncachedDecoding:
    """Computes the whole clip again for every frame."""

    def __init__(self, model, texts, languages=None):
        self.model, self.texts, self.languages, self.frames = model, texts, languages, []

    def start(self):
        empty = torch.zeros(len(self.texts), 0, self.model.heads.count, dtype=torch.long)
        tokens = torch.stack(self.frames, dim=1) if self.frames else empty
        return self.model.logits(self.texts, tokens, self.languages)[:, :, -1].transpose(0, 1)

    def step(self, tokens):
        self.frames.append(tokens)
        return self.start()


def linear(stacked, n):
    _, inputs, outputs = stacked.weight.shape
    layer = nn.Linear(inputs, outputs)
    layer.weight, layer.bias = nn.Parameter(stacked.weight[n].T), nn.Parameter(stacked.bias[n, 0])
    return layer


def norm(stacked, n):
    layer = nn.LayerNorm(stacked.weight.shape[-1])
    layer.weight, layer.bias = nn.Parameter(stacked.weight[n, 0]), nn.Parameter(stacked.bias[n, 0])
    return layer
