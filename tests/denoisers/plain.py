"""The authors' algorithm as it is, with nothing kept: what ours must equal, and what it is timed against.

Written from the facts of their code, with the layers of our networks, so that weights are shared. What stands for what:

* `SelfAttention`: both halves of guidance attend to frame and reference; the reference's tokens are repeated for each
  frame and projected there; then the unconditional half is computed again from its own tokens, picked by a mask.
* `TextAttention`: the empty prompt is repeated for each frame, and projected there in each call.
* `MotionAttention`: scores, softmax and values as products of matrices, where ours has one fused attention.
* `as_theirs`: these in a copy of a network, whose linear layers and convolutions run as PyTorch chooses.
* `plain_sample`: at each step the Reference Net for both halves; the guider for each window; one call for both halves.
"""

from __future__ import annotations

import torch
from diffusers import ModelMixin
from signvip_denoisers.animatediff.attention import spatial_attentions
from signvip_denoisers.animatediff.onednn import Linear, Pointwise
from signvip_denoisers.animatediff.unets import TemporalTransformer
from torch import nn
from torch.nn import functional

from signvip.sampling.windows import windows


class SelfAttention:
    """Self-attention of both halves of guidance, the unconditional one first, and that one twice."""

    def __init__(self, name):
        self.name = name

    def __call__(
        self,
        attn,
        hidden_states,
        encoder_hidden_states=None,
        attention_mask=None,
        reference=None,
        prompt=None,
        unconditional=0,
    ):
        bank = reference[self.name].clone()
        bank = bank.repeat_interleave(len(hidden_states) // len(bank), dim=0)
        output = attend(attn, hidden_states, torch.cat([hidden_states, bank], dim=1))
        first = torch.arange(len(output)) < len(output) // 2
        own = hidden_states[first]
        output[first] = attend(attn, own, own)
        return output


class TextAttention:
    """Attention to a prompt that is projected for each frame."""

    def __call__(
        self,
        attn,
        hidden_states,
        encoder_hidden_states,
        attention_mask=None,
        reference=None,  # these four are meant for the self-attentions
        collected=None,
        prompt=None,
        unconditional=0,
    ):
        return attend(attn, hidden_states, encoder_hidden_states.repeat(len(hidden_states), 1, 1))


class MotionAttention:
    """Attention over time by three products of matrices, one matrix for each place and head."""

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None):
        query, key, value = (
            layer(hidden_states).unflatten(-1, (attn.heads, -1)).transpose(1, 2).flatten(0, 1)
            for layer in (attn.to_q, attn.to_k, attn.to_v)
        )
        room = query.new_empty(len(query), query.shape[1], key.shape[1])
        scores = torch.baddbmm(room, query, key.transpose(1, 2), beta=0, alpha=query.shape[-1] ** -0.5)
        mixed = torch.bmm(scores.softmax(-1), value)
        return attn.to_out[0](mixed.unflatten(0, (-1, attn.heads)).transpose(1, 2).flatten(2))


def attend(attn, own, seen):
    query, key, value = (
        layer(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
        for layer, x in ((attn.to_q, own), (attn.to_k, seen), (attn.to_v, seen))
    )
    mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    return attn.to_out[0](mixed)


def as_theirs(network: ModelMixin) -> ModelMixin:
    """A copy of a denoiser, Reference Net or guider that does what the authors' does."""
    copy = type(network).from_config(network.config)
    copy.load_state_dict(network.state_dict())
    for module in copy.modules():
        if isinstance(module, Linear):
            module.__class__ = nn.Linear
        elif isinstance(module, Pointwise):
            module.__class__ = nn.Conv2d
        elif isinstance(module, TemporalTransformer):
            for layer in module.transformer_blocks:
                layer.attn1.set_processor(MotionAttention())
                layer.attn2.set_processor(MotionAttention())
    if hasattr(network, "project_reference"):  # a denoiser: the Reference Net only writes
        for name, attention in spatial_attentions(copy.unet, "attn1"):
            attention.set_processor(SelfAttention(name))
    if hasattr(network, "unet"):
        for _, attention in spatial_attentions(copy.unet, "attn2"):
            attention.set_processor(TextAttention())
    return copy.eval().requires_grad_(False)


@torch.no_grad()
def plain_sample(
    denoiser,  # this and the next two made by `as_theirs`
    guider,
    reference_net,
    scheduler,
    picture,  # (1, 4, h, w)
    e,  # (1, F, C, h, w)
    latents,  # (1, F, 4, h, w), noise
    *,
    steps,
    guidance_scale,
    window=24,
    overlap=4,
    tail="shifted",
):
    """The authors' loop: at each step the Reference Net for both halves, and the guider for each window."""
    scheduler.set_timesteps(steps, device=latents.device)
    latents = latents * scheduler.init_noise_sigma
    timestep_of = int if reference_net.config["timestep"] == "sampler" else lambda _: 0
    for timestep in scheduler.timesteps:
        total, count = torch.zeros_like(latents), latents.new_zeros(latents.shape[1])
        reference = reference_net(picture.repeat(2, 1, 1, 1), timestep_of(timestep))
        inputs = scheduler.scale_model_input(latents, timestep)
        for part in windows(e.shape[1], window, overlap, tail):
            part = list(part)
            features = [torch.cat([feature] * 2) for feature in guider(e[:, part])]
            without, with_reference = denoiser(
                inputs[:, part].repeat(2, 1, 1, 1, 1), timestep, features, reference
            ).chunk(2)
            total[:, part] += without + guidance_scale * (with_reference - without)
            count[part] += 1
        mean = total / count.view(1, -1, 1, 1, 1)
        latents = scheduler.step(mean, timestep, latents).prev_sample
    return latents
