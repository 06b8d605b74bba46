"""Trunk of the translator: transformers' GPT-2 over text states and frames, and its step-by-step use."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from signvip_translators.stacked import INITIAL_SCALE

if TYPE_CHECKING:
    from transformers import GPT2Model

Positions = Literal["learned", "sinusoidal"]


Activation = Literal["gelu_new", "gelu"]
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

    config = GPT2Config(
        vocab_size=1,
        n_positions=places,
        n_embd=width,
        n_layer=layers,
        n_head=heads,
        activation_function=activation,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        initializer_range=INITIAL_SCALE * width**-0.5,
        bos_token_id=None,
        eos_token_id=None,
    )
    trunk = GPT2Model(config)
    trunk.wte.requires_grad_(False)
    if final_norm == "none":
        trunk.ln_f = nn.Identity()
    if positions == "sinusoidal":
        trunk.wpe.requires_grad_(False).weight.copy_(sinusoids(places, width))
    return trunk


def sinusoids(places: int, width: int) -> Tensor:
    """Fixed positions (places, width) of Vaswani et al., at the scale of GPT-2's hidden states."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(places)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


def prefix_places(mask: Tensor) -> Tensor:
    """Positions (B, T) of a left-padded text: its first word is at 0 however long its neighbours are."""
    return (mask.long().cumsum(1) - 1).clamp(min=0)


def _causal(mask: Tensor, count: int) -> Tensor | None:
    """Which states see which, (B, 1, T + F, T + F): those before them that are no padding of a text's mask (B, T).

    Ready-made, since transformers would ask the card whether there is any padding. One state a text is never padding.
    """
    if mask.shape[1] == 1:
        return None
    seen = functional.pad(mask, (0, count), value=True)
    before = torch.ones(seen.shape[1], seen.shape[1], dtype=torch.bool, device=mask.device).tril()
    return before & seen[:, None, None]


def run_trunk(trunk: nn.Module, prefix: Tensor, mask: Tensor, frames: Tensor, first_place: int) -> Tensor:
    """Hidden states (B, F + 1, C) that predict frames 0..F, from text states (B, T, C) and frames (B, F, C).

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
