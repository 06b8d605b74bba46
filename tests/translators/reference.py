"""Slow twins of the translator: heads in a loop, decoding without a cache, and the authors' decoding."""

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
    return plain_linear(stacked.weight[n], None if stacked.bias is None else stacked.bias[n, 0])


def norm(stacked, n):
    layer = nn.LayerNorm(stacked.weight.shape[-1])
    layer.weight, layer.bias = nn.Parameter(stacked.weight[n, 0]), nn.Parameter(stacked.bias[n, 0])
    return layer


class TheirBlock(nn.Module):
    """A layer as the authors' code has it: three projections for three uses, and a cache that is concatenated."""

    def __init__(self, heads, activation, norms, projections):
        super().__init__()
        self.heads, self.activation = heads, activation
        self.norm_attention, self.norm_mlp = norms
        self.query, self.key, self.value = projections[0]
        self.attended, self.widen, self.narrow = projections[1:]

    def forward(self, x, cache):  # (B, F, C), a list of keys and values that grows
        normed = self.norm_attention(x)
        query, keys, values = (
            layer(normed).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        )
        keys, values = torch.cat([*cache[:1], keys], dim=2), torch.cat([*cache[1:], values], dim=2)
        cache[:] = [keys, values]
        y = functional.scaled_dot_product_attention(query, keys, values, is_causal=query.shape[2] > 1)
        x = x + self.attended(y.transpose(1, 2).flatten(2))
        return x + self.narrow(self.activation(self.widen(self.norm_mlp(x))))


class TheirDecoding:
    """The authors' way from one text to tokens, with a model's own weights.

    Trunk and heads are such layers, one head after another, with weights laid out as `nn.Linear` keeps them; the mixer
    joins the embeddings of a frame's tokens in a loop over frames. What they do past [EOS] is left to the caller.
    """

    def __init__(self, model, texts, languages=None):
        assert len(texts) == 1, "the authors' code knows no padding on the left"
        self.prefix, _ = model.prefix(texts, languages)
        self.mixer, self.places, self.first_place = model.mixer, model.trunk.wpe, model.first_place
        self.trunk = [trunk_block(layer, model.trunk.config.n_head) for layer in model.trunk.h]
        self.norm = model.trunk.ln_f
        self.heads = [head_block(model.heads, n) for n in range(model.heads.count)]
        self.ends = [
            (norm(model.heads.norm_out, n), linear(model.heads.classify, n)) for n in range(model.heads.count)
        ]
        self.enters = [
            nn.Identity() if isinstance(model.heads.enter, nn.Identity) else linear(model.heads.enter, n)
            for n in range(model.heads.count)
        ]
        self.classes = model.vocab_size + 1
        self.begin(0)

    def begin(self, _):
        self.caches, self.done = [[] for _ in (*self.trunk, *self.heads)], 0
        return self

    def start(self):
        self.begin(0)
        return self._run(self.prefix, torch.arange(self.prefix.shape[1]))

    def step(self, tokens):
        place = torch.tensor([self.first_place + self.done])
        self.done += 1
        frames = [self.mixer.embed(frame).flatten(1) for frame in tokens[:, None].unbind(1)]
        return self._run(self.mixer.mix(torch.stack(frames, dim=1)), place)

    def _run(self, states, places):
        x = states + self.places(places)
        for block, cache in zip(self.trunk, self.caches, strict=False):
            x = block(x, cache)
        x = self.norm(x)[:, -1:]
        logits = []
        for i, (enter, head) in enumerate(zip(self.enters, self.heads, strict=True)):
            last, classify = self.ends[i]
            logits.append(classify(last(head(enter(x), self.caches[len(self.trunk) + i])))[:, -1])
        return torch.stack(logits, dim=1)[..., : self.classes]


def trunk_block(layer, heads):
    """A layer of GPT-2, whose `Conv1D` keeps weights the other way round."""
    joined = layer.attn.c_attn
    three = [
        plain_linear(weight, bias)
        for weight, bias in zip(joined.weight.chunk(3, dim=1), joined.bias.chunk(3), strict=True)
    ]
    rest = [
        plain_linear(part.weight, part.bias) for part in (layer.attn.c_proj, layer.mlp.c_fc, layer.mlp.c_proj)
    ]
    return TheirBlock(heads, layer.mlp.act, (layer.ln_1, layer.ln_2), (three, *rest))


def head_block(heads, n):
    joined = heads.query_key_value
    three = [
        plain_linear(weight, bias)
        for weight, bias in zip(joined.weight[n].chunk(3, 1), joined.bias[n, 0].chunk(3), strict=True)
    ]
    rest = [linear(part, n) for part in (heads.attended, heads.widen, heads.narrow)]
    norms = norm(heads.norm_attention, n), norm(heads.norm_mlp, n)
    return TheirBlock(heads.attention_heads, functional.gelu, norms, (three, *rest))


def plain_linear(weight, bias):  # (inputs, outputs), (outputs,) or None
    layer = nn.Linear(*weight.shape, bias=bias is not None)
    layer.weight = nn.Parameter(weight.detach().T.contiguous())
    layer.bias = None if bias is None else nn.Parameter(bias.detach().contiguous())
    return layer
