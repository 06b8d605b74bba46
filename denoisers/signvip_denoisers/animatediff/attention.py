"""Reference features on their way to the denoiser: by the self-attention of both U-Nets (section 3.4).

`WriteReference` collects them in the Reference Net, `ReadReference` appends them to the keys and values of
the denoiser's layer of the same name. They travel as arguments, so that no state is left behind; a sampler
projects them once, for all steps, windows and frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diffusers.models.attention_processor import Attention
    from torch import Tensor


class Projected(NamedTuple):
    """Tokens as one layer attends to them: through its own projections."""

    key: Tensor  # (B, L, C)
    value: Tensor  # (B, L, C)


Reference = Mapping[str, Any]
"""Reference tokens (B, L, C) by the name of a self-attention layer; `Projected`, where they serve many calls.

Beside them, as `LATENTS`, the reference's latents (B, 4, h, w), for a denoiser that reads them at its input; and as
`PROMPT` the projected empty prompt, once it is.
"""

LATENTS, PROMPT = "latents", "prompt"

Prompt = Mapping[str, Projected]
"""The empty prompt (1, L, C) as each text attention sees it, by the layer's name."""

Feature = Literal["attention_output", "attention_input"]
"""The features to collect: the layer's output (the paper's text), or its normalised input (the authors' code)."""


def spatial_attentions(unet: nn.Module, kind: Literal["attn1", "attn2"]) -> Iterator[tuple[str, Attention]]:
    """Yield names and modules of the self- (attn1) or text attentions (attn2); temporal ones are left out."""
    for name, module in unet.named_modules():
        if name.endswith(kind) and "motion_modules" not in name:
            yield name, module


class Projection(nn.Linear):
    """A linear layer of a spatial attention: what can be spread over processes, where the attention cannot."""


def read_references(unet: nn.Module) -> None:
    """Let every spatial attention of a U-Net accept `cross_attention_kwargs={"reference": ...}`."""
    for name, attention in spatial_attentions(unet, "attn1"):
        _prepare(attention, ReadReference(name))
    for name, attention in spatial_attentions(unet, "attn2"):
        _prepare(attention, TextAttention(name))


def write_references(unet: nn.Module, feature: Feature) -> None:
    """Let every spatial attention of a U-Net accept and fill `cross_attention_kwargs={"collected": {}}`."""
    for name, attention in spatial_attentions(unet, "attn1"):
        _prepare(attention, WriteReference(name, feature))
    for name, attention in spatial_attentions(unet, "attn2"):
        _prepare(attention, TextAttention(name))


def _prepare(attention: Attention, processor: ReadReference | WriteReference | TextAttention) -> None:
    attention.set_processor(processor)
    for layer in (attention.to_q, attention.to_k, attention.to_v, attention.to_out[0]):
        layer.__class__ = Projection  # diffusers builds them inside its attention, and takes no other


def project_reference(unet: nn.Module, reference: Reference) -> Reference:
    """Project reference tokens for every self-attention of a U-Net; what is projected stays as it is."""
    layers = spatial_attentions(unet, "attn1")
    return {name: _project(attention, reference[name]) for name, attention in layers}


def project_prompt(unet: nn.Module, prompt: Tensor) -> Prompt:
    """Project a prompt (1, L, C) for every text attention of a U-Net; nothing for one without them."""
    return {name: _project(attention, prompt) for name, attention in spatial_attentions(unet, "attn2")}


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
        prompt: Prompt | None = None,
        unconditional: int = 0,
    ) -> Tensor:
        """Mix what each frame sees; the first `unconditional` frames do not see the reference."""
        own = attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states)
        if reference is None:
            return _leave(attn, _mix(attn, *own))
        shared = _project(attn, reference[self.name])
        query, key, value = (x[unconditional:] for x in own)
        mixed = _mix(attn, query, _append(key, shared.key), _append(value, shared.value))
        if unconditional:
            # two attentions, each over what its half sees: one over both would compute scores to mask them
            mixed = torch.cat([_mix(attn, *(x[:unconditional] for x in own)), mixed])
        return _leave(attn, mixed)


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
        collected: dict[str, Tensor] | None = None,
    ) -> Tensor:
        query, key, value = attn.to_q(hidden_states), attn.to_k(hidden_states), attn.to_v(hidden_states)
        output = _leave(attn, _mix(attn, query, key, value))
        if collected is not None:
            collected[self.name] = output if self.feature == "attention_output" else hidden_states
        return output


class TextAttention:
    """Attention to a prompt that all frames share; it ignores what is meant for the self-attentions."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,  # (B*F, N, C)
        encoder_hidden_states: Tensor,  # (1, L, D)
        attention_mask: Tensor | None = None,
        reference: Reference | None = None,
        collected: dict[str, Tensor] | None = None,
        prompt: Prompt | None = None,
        unconditional: int = 0,
    ) -> Tensor:
        shared = _project(attn, encoder_hidden_states) if prompt is None else prompt[self.name]
        key, value = (x.expand(len(hidden_states), -1, -1) for x in shared)
        return _leave(attn, _mix(attn, attn.to_q(hidden_states), key, value))


def _project(attn: Attention, tokens: Tensor | Projected) -> Projected:
    return tokens if isinstance(tokens, Projected) else Projected(attn.to_k(tokens), attn.to_v(tokens))


def _append(own: Tensor, shared: Tensor) -> Tensor:  # (B*F, N, C), (B, L, C) -> (B*F, N+L, C)
    own = own.unflatten(0, (shared.shape[0], -1))
    shared = shared[:, None].expand(-1, own.shape[1], -1, -1)
    return torch.cat([own, shared], dim=2).flatten(0, 1)


def _mix(attn: Attention, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    heads = (x.unflatten(-1, (attn.heads, -1)).transpose(1, 2) for x in (query, key, value))
    return functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2)


def _leave(attn: Attention, mixed: Tensor) -> Tensor:
    return attn.to_out[1](attn.to_out[0](mixed))
