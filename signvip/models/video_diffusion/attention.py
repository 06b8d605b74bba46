"""How reference features reach the denoiser: by the self-attention of both U-Nets (section 3.4).

`WriteReference` collects them in the Reference Net, `ReadReference` appends them to the keys and values of
the denoiser's layer of the same name. They travel as arguments, so that no state is left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from diffusers.models.attention_processor import AttnProcessor2_0
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diffusers.models.attention_processor import Attention
    from torch import Tensor, nn

Reference = dict[str, "Tensor"]
"""Reference tokens (B, L, C) by the name of a self-attention layer."""

Feature = Literal["attention_output", "attention_input"]
"""What is collected: the layer's output (the paper's text), or its normalised input (the authors' code)."""


def spatial_attentions(unet: nn.Module, kind: Literal["attn1", "attn2"]) -> Iterator[tuple[str, Attention]]:
    """Yield names and modules of the self- (attn1) or text attentions (attn2); temporal ones are left out."""
    for name, module in unet.named_modules():
        if name.endswith(kind) and "motion_modules" not in name:
            yield name, module


def read_references(unet: nn.Module) -> None:
    """Let every spatial attention of a U-Net accept `cross_attention_kwargs={"reference": ...}`."""
    for name, attention in spatial_attentions(unet, "attn1"):
        attention.set_processor(ReadReference(name))
    for _, attention in spatial_attentions(unet, "attn2"):
        attention.set_processor(TextAttention())


def write_references(unet: nn.Module, feature: Feature) -> None:
    """Let every spatial attention of a U-Net accept and fill `cross_attention_kwargs={"collected": {}}`."""
    for name, attention in spatial_attentions(unet, "attn1"):
        attention.set_processor(WriteReference(name, feature))
    for _, attention in spatial_attentions(unet, "attn2"):
        attention.set_processor(TextAttention())


class ReadReference:
    """Self-attention over a frame's own tokens and those of its clip's reference."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,  # (B*F, N, C)
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: Reference | None = None,
    ) -> Tensor:
        key, value = attn.to_k(hidden_states), attn.to_v(hidden_states)
        if reference is not None:
            tokens = reference[self.name]
            # projected once per clip; the frames share the result
            key, value = _append(key, attn.to_k(tokens)), _append(value, attn.to_v(tokens))
        return _attend(attn, attn.to_q(hidden_states), key, value)


class WriteReference:
    """Plain self-attention that notes what the denoiser is to read."""

    def __init__(self, name: str, feature: Feature) -> None:
        self.name, self.feature = name, feature

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,  # (B, L, C)
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        collected: Reference | None = None,
    ) -> Tensor:
        query, key, value = attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states)
        output = _attend(attn, query, key, value)
        if collected is not None:
            collected[self.name] = output if self.feature == "attention_output" else hidden_states
        return output


class TextAttention(AttnProcessor2_0):
    """The library's attention; it accepts, and ignores, what is meant for the self-attentions."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        reference: Reference | None = None,
        collected: Reference | None = None,
    ) -> Tensor:
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask)


def _append(own: Tensor, shared: Tensor) -> Tensor:  # (B*F, N, C), (B, L, C) -> (B*F, N+L, C)
    own = own.unflatten(0, (shared.shape[0], -1))
    shared = shared[:, None].expand(-1, own.shape[1], -1, -1)
    return torch.cat([own, shared], dim=2).flatten(0, 1)


def _attend(attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    heads = (x.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for x in (query, key, value))
    output = functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)
    return attn.to_out[1](attn.to_out[0](output))
