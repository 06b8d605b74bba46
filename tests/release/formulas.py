"""What the release's weights compute, written out on its own keys: nothing of ours takes part."""

from __future__ import annotations

import torch
from torch.nn import functional as F


def assert_near(ours, theirs):
    """Within a thousandth, of each number or of a usual one."""
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().mean()))


def linear(w, key, x):
    return F.linear(x, w[f"{key}.weight"], w.get(f"{key}.bias"))


def conv(w, key, x, **options):
    return F.conv2d(x, w[f"{key}.weight"], w[f"{key}.bias"], **options)


def layer_norm(w, key, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{key}.weight"], w[f"{key}.bias"])


def group_norm(w, key, x):
    return F.group_norm(x, 32, w[f"{key}.weight"], w[f"{key}.bias"], eps=1e-6)


def condition_encoder(w, images):  # (B, 6, H, W) in [-1, 1]
    x = F.silu(conv(w, "backbone.conv_in", images, padding=1, groups=2))
    for i in range(6):
        x = F.silu(conv(w, f"backbone.blocks.{i}", x, padding=1, stride=1 + i % 2, groups=2))
    gate = conv(w, "gate_module.gate_layer.0", x, padding=1)
    gate = torch.sigmoid(conv(w, "gate_module.gate_layer.2", F.silu(gate), padding=3))
    first, second = x.chunk(2, dim=1)
    return torch.cat([first * gate[:, :1], second * gate[:, 1:]], dim=1)


def guider(w, e, frames):  # (B*F, C, h, w)
    x, features = e, []
    strides = [2, 1]  # two levels: the last does not halve
    for i in range(3):
        if i == 0:
            x = F.silu(conv(w, "blocks_0.0", x))
        else:
            x = F.silu(conv(w, f"blocks_{i}.0", x, padding=1, stride=strides[i - 1]))
            x = F.silu(conv(w, f"blocks_{i}.2", x, padding=1))
        x = motion_module(w, f"motion_modules.{i}", x, frames) if frames > 1 else x
        features.append(conv(w, f"block_{i}_out_proj", x))
    return features


def motion_module(w, place, x, frames):  # (B*F, C, h, w)
    place = f"{place}.temporal_transformer"
    count, channels, height, width = x.shape
    y = group_norm(w, f"{place}.norm", x).permute(0, 2, 3, 1).reshape(count, height * width, channels)
    y = linear(w, f"{place}.proj_in", y)
    y = y.reshape(count // frames, frames, height * width, channels).transpose(1, 2).flatten(0, 1)
    block = f"{place}.transformer_blocks.0"
    for n in range(2):
        inner = layer_norm(w, f"{block}.norms.{n}", y)
        inner = inner + w[f"{block}.attention_blocks.{n}.pos_encoder.pe"][:, :frames]
        y = y + attend(w, f"{block}.attention_blocks.{n}", inner, heads=8)
    value, gate = linear(w, f"{block}.ff.net.0.proj", layer_norm(w, f"{block}.ff_norm", y)).chunk(2, dim=-1)
    y = y + linear(w, f"{block}.ff.net.2", value * F.gelu(gate))
    y = linear(w, f"{place}.proj_out", y)
    y = y.reshape(count // frames, height * width, frames, channels).transpose(1, 2)
    return x + y.reshape(count, height, width, channels).permute(0, 3, 1, 2)


def attend(w, place, x, heads):
    q, k, v = (
        linear(w, f"{place}.{kind}", x).unflatten(-1, (heads, -1)).transpose(1, 2)
        for kind in ("to_q", "to_k", "to_v")
    )
    scores = (q @ k.transpose(-1, -2)) / q.shape[-1] ** 0.5
    return linear(w, f"{place}.to_out.0", (scores.softmax(-1) @ v).transpose(1, 2).flatten(2))


def resnet(w, place, x):
    y = conv(w, f"{place}.conv1", F.silu(group_norm(w, f"{place}.norm1", x)), padding=1)
    y = conv(w, f"{place}.conv2", F.silu(group_norm(w, f"{place}.norm2", y)), padding=1)
    return y + (conv(w, f"{place}.nin_shortcut", x) if f"{place}.nin_shortcut.weight" in w else x)


def spatial_attention(w, place, x):
    q, k, v = (
        part.flatten(2) for part in conv(w, f"{place}.qkv", group_norm(w, f"{place}.norm", x)).chunk(3, dim=1)
    )
    weights = (q.transpose(1, 2) @ k / q.shape[1] ** 0.5).softmax(-1)  # (B, queries, keys)
    return x + conv(w, f"{place}.proj_out", (v @ weights.transpose(1, 2)).unflatten(2, x.shape[2:]))


def middle(w, place, x):
    x = resnet(w, f"{place}.mid.block_1", x)
    return resnet(w, f"{place}.mid.block_2", spatial_attention(w, f"{place}.mid.attn_1", x))


def tokens(w, e):  # (B, C, h, w) -> (B, h', w')
    place = "vq.downsample_encoder"
    x = conv(w, f"{place}.conv_in", e, padding=1)
    for i in range(2):
        for j in range(2):
            x = resnet(w, f"{place}.down.{i}.block.{j}", x)
            if i == 1:
                x = spatial_attention(w, f"{place}.down.{i}.attn.{j}", x)
        if i == 0:
            x = conv(w, f"{place}.down.{i}.downsample.conv", F.pad(x, (0, 1, 0, 1)), stride=2)
    x = middle(w, place, x)
    z = conv(w, f"{place}.conv_out", F.silu(group_norm(w, f"{place}.norm_out", x)), padding=1)
    digits = (torch.tanh(z) * 2 * (1 + 1e-3)).round() + 2  # -2..2 of five levels to 0..4
    return (digits * torch.tensor([1, 5, 25, 125]).view(1, 4, 1, 1)).sum(1).long()


def embeddings(w, tokens, sizes):  # (B, h', w') -> (B, C, h, w)
    place = "vq.upsample_decoder"
    digits = torch.stack([tokens // base % 5 for base in (1, 5, 25, 125)], dim=1)
    x = conv(w, f"{place}.conv_in", (digits - 2) / 2.0, padding=1)
    x = middle(w, place, x)
    for i in (1, 0):
        for j in range(3):
            x = resnet(w, f"{place}.up.{i}.block.{j}", x)
            if i == 1:
                x = spatial_attention(w, f"{place}.up.{i}.attn.{j}", x)
        if i == 1:
            x = conv(
                w, f"{place}.up.{i}.upsample.conv", F.interpolate(x, size=sizes, mode="nearest"), padding=1
            )
    return conv(w, f"{place}.conv_out", F.silu(group_norm(w, f"{place}.norm_out", x)), padding=1)


def translate(w, sentence, frames, heads=8):  # (1, C) -> greedy tokens (F, N) without any rule of an end
    count = 1 + max(int(key.split(".")[1]) for key in w if key.startswith("trans_heads."))
    states = [linear(w, "trans_base.cond_emb", sentence)]
    made = []
    for _ in range(frames):
        x = torch.stack(states, dim=1)
        x = x + w["trans_base.pos_embed.embed"][: x.shape[1], 0]
        layers = sorted({int(key.split(".")[2]) for key in w if key.startswith("trans_base.blocks.")})
        for layer in layers:
            x = causal_block(w, f"trans_base.blocks.{layer}", x, heads)
        logits = [head(w, f"trans_heads.{n}", x, heads) for n in range(count)]
        made.append(torch.stack([row.argmax(-1) for row in logits], dim=1))
        mixed = linear(w, "trans_base.token_combiner.0", w["trans_base.tok_emb.weight"][made[-1]].flatten(1))
        states.append(F.gelu(layer_norm(w, "trans_base.token_combiner.1", mixed)))
    return torch.cat(made)


def head(w, place, x, heads):  # the last frame's logits
    x = causal_block(w, f"{place}.blocks.0", x, heads)
    return linear(w, f"{place}.head", layer_norm(w, f"{place}.ln_f", x))[:, -1]


def causal_block(w, place, x, heads):
    y = layer_norm(w, f"{place}.ln1", x)
    q, k, v = (
        linear(w, f"{place}.attn.{kind}", y).unflatten(-1, (heads, -1)).transpose(1, 2)
        for kind in ("query", "key", "value")
    )
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    future = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
    y = (scores.masked_fill(future, -torch.inf).softmax(-1) @ v).transpose(1, 2).flatten(2)
    x = x + linear(w, f"{place}.attn.proj", y)
    y = layer_norm(w, f"{place}.ln2", x)
    return x + linear(w, f"{place}.mlp.2", F.gelu(linear(w, f"{place}.mlp.0", y)))
