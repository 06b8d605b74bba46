"""Trunk of the translator: transformers' GPT-2 over text states and frames, and its step-by-step use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from signvip_translators.stacked import INITIAL_SCALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import GPT2Model

    from signvip_translators.parallel_heads import FrameCache

Positions = Literal["learned", "sinusoidal"]


Activation = Literal["gelu_new", "gelu"]
ONE_OPERATION = {"gelu_new": "gelu_pytorch_tanh"}  # the same function, where GPT-2's takes eight operations
FinalNorm = Literal["layer_norm", "none"]


def build_trunk(
    layers: int,
    width: int,
    heads: int,
    dropout: float,
    places: int,
    positions: Positions,
    activation: Activation = "gelu_new",
    final_norm: FinalNorm = "layer_norm",
) -> GPT2Model:
    """GPT-2 on `inputs_embeds`: its own token table is one frozen row, since tokens come from the mixer."""
    from transformers import GPT2Config, GPT2Model
    from transformers.models.gpt2.modeling_gpt2 import GPT2Block

    config = GPT2Config(
        vocab_size=1,
        n_positions=places,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        activation_function=ONE_OPERATION.get(activation, activation),
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        initializer_range=INITIAL_SCALE * width**-0.5,
        bos_token_id=None,
        eos_token_id=None,
    )
    trunk = GPT2Model(config)
    trunk.wte.requires_grad_(False)
    trunk.spread_by = (GPT2Block,)
    trunk.fixed_weights = {"wte.weight": torch.zeros}
    if final_norm == "none":
        trunk.ln_f = nn.Identity()
    if positions == "sinusoidal":
        trunk.wpe.requires_grad_(False).weight.copy_(sinusoids(places, width))
        trunk.fixed_weights["wpe.weight"] = sinusoids_in
    return trunk


def sinusoids(places: int, width: int) -> Tensor:
    """Return the fixed positions (places, width) of Vaswani et al., at the scale of GPT-2's hidden states."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(places)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


def sinusoids_in(shape: torch.Size) -> Tensor:
    """Return the fixed positions in the shape (places, width) of a table."""
    return sinusoids(*shape)


def prefix_places(mask: Tensor) -> Tensor:
    """Positions (B, T) of a left-padded text: its first word is at 0 however long its neighbours are."""
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def _causal(mask: Tensor, count: int) -> Tensor:
    """Return which states see which, (B, 1, T + F, T + F): earlier ones that are not padding of a text's mask (B, T).

    Ready-made: transformers would ask the card whether there is any padding, and take a jump in the positions, from a
    text to its frames, for the end of one sequence and the beginning of another.
    """
    seen = functional.pad(mask, (0, count), value=True)
    before = torch.ones(seen.shape[1], seen.shape[1], dtype=torch.bool, device=mask.device).tril()
    return before & seen[:, None, None]


def run_trunk(trunk: nn.Module, prefix: Tensor, mask: Tensor, frames: Tensor, first_place: int) -> Tensor:
    """Return the hidden states (B, F + 1, C) that predict frames 0..F, from text states (B, T, C) and frames (B, F, C).

    Frames count from `first_place`, behind the longest text, so that a frame's position tells its time alone.
    """
    batch, count, _ = frames.shape
    places = first_place + torch.arange(count, device=frames.device).expand(batch, -1)
    output = trunk(
        inputs_embeds=torch.cat([prefix, frames], dim=1),
        attention_mask=_causal(mask, count),
        position_ids=torch.cat([prefix_places(mask), places], dim=1),
        use_cache=False,
    )
    return output.last_hidden_state[:, prefix.shape[1] - 1 :]


def read_states(
    trunk: GPT2Model,
    states: Tensor,  # (B, T, C), which come after what the caches keep
    places: Tensor,  # (B, T)
    seen: Tensor | None,  # (B, 1, T, all states so far), boolean; None: a state sees those up to itself
    caches: Sequence[FrameCache],  # of each layer
) -> Tensor:
    """Return hidden states (B, T, C) of the next words or of the next frame: `GPT2Model` with a cache, layer by layer.

    Its own `forward` spends a millisecond on each frame that is not the layers', of 18 at the paper's size.
    """
    assert not trunk.training
    x = states + trunk.wpe(places)
    for block, cache in zip(trunk.h, caches, strict=True):
        joined = block.attn.c_attn(block.ln_1(x))
        query, keys, values = (
            part.unflatten(2, (block.attn.num_heads, -1)) for part in joined.chunk(3, dim=2)
        )
        keys, values, _ = cache.append(keys.transpose(1, 2), values.transpose(1, 2))
        mixed = functional.scaled_dot_product_attention(
            query.transpose(1, 2), keys, values, attn_mask=seen, is_causal=seen is None and x.shape[1] > 1
        )
        x = x + block.attn.c_proj(mixed.transpose(1, 2).flatten(2))
        x = x + block.mlp(block.ln_2(x))
    return trunk.ln_f(x)


def seen_words(mask: Tensor) -> Tensor | None:
    """Return which words each word of a left-padded text (B, T) sees: (B, 1, T, T), or None where nothing is padded."""
    if mask.all():
        return None
    words = mask.shape[1]
    causal = torch.ones(words, words, dtype=torch.bool, device=mask.device).tril()
    itself = torch.eye(words, dtype=torch.bool, device=mask.device)  # padding must see something
    return (causal & mask[:, None] | itself)[:, None]
