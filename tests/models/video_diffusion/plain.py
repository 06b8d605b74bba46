"""The sampler as the authors wrote it, with nothing kept: what ours must equal, and what it is timed against."""

from __future__ import annotations

import torch
from torch.nn import functional

from signvip.models.video_diffusion import Denoiser
from signvip.models.video_diffusion.attention import spatial_attentions
from signvip.models.video_diffusion.windows import windows


class TwiceAttention:
    """Self-attention of both halves of guidance, the unconditional one first.

    Both attend to frame and reference, whose keys and values are projected for each frame anew; then the first
    half is computed again without reference.
    """

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
    ):
        bank = reference[self.name]
        bank = bank.repeat_interleave(len(hidden_states) // len(bank), dim=0)
        output = attend(attn, hidden_states, torch.cat([hidden_states, bank], dim=1))
        half = hidden_states[: len(hidden_states) // 2]
        return torch.cat([attend(attn, half, half), output[len(half) :]])


def attend(attn, own, seen):
    query, key, value = (
        layer(x).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
        for layer, x in ((attn.to_q, own), (attn.to_k, seen), (attn.to_v, seen))
    )
    mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
    return attn.to_out[0](mixed)


def twice(denoiser: Denoiser) -> Denoiser:
    """A copy of a denoiser that computes both halves of guidance in one call, as the authors' code does."""
    copy = Denoiser.from_config(denoiser.config)
    copy.load_state_dict(denoiser.state_dict())
    for name, attention in spatial_attentions(copy.unet, "attn1"):
        attention.set_processor(TwiceAttention(name))
    return copy


@torch.no_grad()
def plain_sample(
    both,  # a denoiser made by `twice`
    guider,
    scheduler,
    reference_net,
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
            without, with_reference = both(
                inputs[:, part].repeat(2, 1, 1, 1, 1), timestep, features, reference
            ).chunk(2)
            total[:, part] += without + guidance_scale * (with_reference - without)
            count[part] += 1
        mean = total / count.view(1, -1, 1, 1, 1)
        latents = scheduler.step(mean, timestep, latents).prev_sample
    return latents
