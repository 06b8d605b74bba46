"""The U-Nets of the release and the authors' sampler, written out on the release's own keys: nothing of ours."""

from __future__ import annotations

import math

import torch
from formulas import conv, guider, layer_norm, linear, motion_module
from torch.nn import functional as F

HEADS = 8
WINDOW, OVERLAP = 24, 2


def has(w, place):
    return any(key.startswith(f"{place}.") for key in w)


def count(w, place):
    return next(n for n in range(100) if not has(w, f"{place}.{n}"))


def norm(w, key, x, eps):
    """On frames (F, C, h, w), each by itself, or on windows (b, c, f, h, w), whose frames share their statistics."""
    return F.group_norm(x, 32, w[f"{key}.weight"], w[f"{key}.bias"], eps)


def window_norm(w, key, x):
    """The norms of the U-Net's resnet blocks, and its last: on the frames of a window as (b, c, f, h, w)."""
    return norm(w, key, x.transpose(0, 1)[None], 1e-5)[0].transpose(0, 1)


def time_embedding(w, timestep):  # -> (1, 4 C)
    half = w["time_embedding.linear_1.weight"].shape[1] // 2
    angles = timestep * torch.exp(-math.log(10000) * torch.arange(half) / half)
    x = torch.cat([angles.cos(), angles.sin()])[None]  # the cosines first
    return linear(w, "time_embedding.linear_2", F.silu(linear(w, "time_embedding.linear_1", x)))


def resnet(w, place, x, time):
    y = conv(w, f"{place}.conv1", F.silu(window_norm(w, f"{place}.norm1", x)), padding=1)
    y = y + linear(w, f"{place}.time_emb_proj", F.silu(time))[:, :, None, None]
    y = conv(w, f"{place}.conv2", F.silu(window_norm(w, f"{place}.norm2", y)), padding=1)
    return y + (conv(w, f"{place}.conv_shortcut", x) if has(w, f"{place}.conv_shortcut") else x)


def attention(w, place, x, seen):
    q, k, v = (
        linear(w, f"{place}.{kind}", tokens).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for kind, tokens in (("to_q", x), ("to_k", seen), ("to_v", seen))
    )
    weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
    return linear(w, f"{place}.to_out.0", (weights @ v).transpose(1, 2).flatten(2))


class UNet:
    """Stable Diffusion's U-Net on frames (F, 4, h, w) of one window; with the motion modules that the weights have.

    `bank` is what a Reference Net wrote, by block; without one, `written` holds what this network would write.
    """

    def __init__(self, w, prompt, bank=None, features=None):
        self.w, self.prompt, self.bank, self.written = w, prompt, bank, {}
        self.features = features or [0.0] * (1 + count(w, "down_blocks"))

    def __call__(self, x, timestep):
        w, time = self.w, time_embedding(self.w, timestep)
        x = conv(w, "conv_in", x, padding=1) + self.features[0]
        skips = [x]
        for i in range(count(w, "down_blocks")):
            place = f"down_blocks.{i}"
            for j in range(count(w, f"{place}.resnets")):
                x = self.layer(place, j, x, time)
                skips.append(x)
            if has(w, f"{place}.downsamplers"):
                x = conv(w, f"{place}.downsamplers.0.conv", x, stride=2, padding=1)
                skips.append(x)
            x = x + self.features[1 + i]  # behind the skips
        x = self.transformer("mid_block.attentions.0", resnet(w, "mid_block.resnets.0", x, time))
        x = resnet(w, "mid_block.resnets.1", x, time)
        for i in range(count(w, "up_blocks")):
            place = f"up_blocks.{i}"
            for j in range(count(w, f"{place}.resnets")):
                x = self.layer(place, j, torch.cat([x, skips.pop()], dim=1), time)
            if has(w, f"{place}.upsamplers"):
                x = F.interpolate(x, size=skips[-1].shape[2:], mode="nearest")
                x = conv(w, f"{place}.upsamplers.0.conv", x, padding=1)
        if not has(w, "conv_out"):
            return None  # a Reference Net
        return conv(w, "conv_out", F.silu(window_norm(w, "conv_norm_out", x)), padding=1)

    def layer(self, place, j, x, time):
        x = resnet(self.w, f"{place}.resnets.{j}", x, time)
        if has(self.w, f"{place}.attentions.{j}"):
            x = self.transformer(f"{place}.attentions.{j}", x)
        if has(self.w, f"{place}.motion_modules.{j}"):
            x = motion_module(self.w, f"{place}.motion_modules.{j}", x, frames=len(x))
        return x

    def transformer(self, place, x):
        w, block, size = self.w, f"{place}.transformer_blocks.0", x.shape[2:]
        y = conv(w, f"{place}.proj_in", norm(w, f"{place}.norm", x, 1e-6)).flatten(2).transpose(1, 2)
        own = self.written[block] = layer_norm(w, f"{block}.norm1", y)
        if not has(w, f"{block}.attn1"):
            return x  # the Reference Net's last: nothing behind it is read
        seen = own if self.bank is None else torch.cat([own, self.bank[block].expand(len(own), -1, -1)], 1)
        y = y + attention(w, f"{block}.attn1", own, seen)
        prompt = self.prompt.expand(len(y), -1, -1)
        y = y + attention(w, f"{block}.attn2", layer_norm(w, f"{block}.norm2", y), prompt)
        inner, gate = linear(w, f"{block}.ff.net.0.proj", layer_norm(w, f"{block}.norm3", y)).chunk(2, dim=-1)
        y = y + linear(w, f"{block}.ff.net.2", inner * F.gelu(gate))
        return x + conv(w, f"{place}.proj_out", y.transpose(1, 2).unflatten(2, size))


def bank_of(w, prompt, picture, timestep):
    """The inputs of all self-attentions of a Reference Net, by block; picture (1, 4, h, w)."""
    net = UNet(w, prompt)
    net(picture, timestep)
    return net.written


def windows(frames):
    """Every 22 frames one of 24; behind the end of the clip it runs backwards."""
    if frames <= WINDOW:
        return [list(range(frames))]
    starts = range(0, frames, WINDOW - OVERLAP)
    return [
        [i if i < frames else 2 * frames - 2 - i for i in range(start, start + WINDOW)] for start in starts
    ]


def sample(weights, prompt, picture, e, noise, steps, scale):
    """DDIM with guidance that drops the reference alone, for e (F, C, h, w) and noise (F, 4, h, w)."""
    alphas = (1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2).cumprod(0)
    parts, x, apart = windows(len(e)), noise, 1000 // steps
    features = [guider(weights["guider"], e[part], len(part)) for part in parts]
    for timestep in [1 + apart * i for i in reversed(range(steps))]:
        bank = bank_of(weights["reference_net"], prompt, picture, timestep)
        total, times = torch.zeros_like(x), torch.zeros(len(x), 1, 1, 1)
        for part, guide in zip(parts, features, strict=True):
            without = UNet(weights["denoiser"], prompt, None, guide)(x[part], timestep)
            reading = UNet(weights["denoiser"], prompt, bank, guide)(x[part], timestep)
            places = {frame: place for place, frame in enumerate(part)}  # of a frame's copies one counts
            for frame, place in places.items():
                total[frame] += without[place] + scale * (reading[place] - without[place])
                times[frame] += 1
        noise = total / times
        now, before = alphas[timestep], alphas[max(timestep - apart, 0)]
        clean = (x - (1 - now).sqrt() * noise) / now.sqrt()
        x = before.sqrt() * clean + (1 - before).sqrt() * noise
    return x
