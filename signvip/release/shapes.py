"""Sizes of the networks, read off the shapes of a release's weights: 12 or 64 heads, 401 or 501 places, any width.

What shapes do not tell (numbers of attention heads, groups of a normalisation, the frame's size) comes from the preset.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

Weights = Mapping[str, Tensor]


def count(names: Iterable[str], pattern: str) -> int:
    """How many numbers stand at the group of a pattern: layers, blocks or heads."""
    found = (re.match(pattern, name) for name in names)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def condition_encoder(weights: Weights) -> dict[str, Any]:
    """Options of the multi-condition encoder."""
    conditions = conditions_of(weights)
    blocks = count(weights, r"backbone\.blocks\.(\d+)\.")
    last = [weights["backbone.conv_in.weight"]]
    last += [weights[f"backbone.blocks.{block}.weight"] for block in range(1, blocks, 2)]
    return {
        "channels": [weight.shape[0] // conditions for weight in last],
        "gate_channels": weights["gate_module.gate_layer.0.weight"].shape[0],
    }


def conditions_of(weights: Weights) -> int:
    """How many conditions the gate weighs."""
    return weights["gate_module.gate_layer.2.weight"].shape[0]


def unet(weights: Weights) -> dict[str, Any]:
    """Options of the denoiser, from the names of Stable Diffusion."""
    levels = count(weights, r"down_blocks\.(\d+)\.")
    attends = [any(key.startswith(f"down_blocks.{i}.attentions.") for key in weights) for i in range(levels)]
    text = [value.shape[1] for key, value in weights.items() if key.endswith("attn2.to_k.weight")]
    return {
        "in_channels": weights["conv_in.weight"].shape[1],
        "block_out_channels": [
            weights[f"down_blocks.{i}.resnets.0.conv1.weight"].shape[0] for i in range(levels)
        ],
        "layers_per_block": count(weights, r"down_blocks\.0\.resnets\.(\d+)\."),
        "attention_levels": attends,
        "cross_attention_dim": next((width for width in text if width), None),
    }


def motion(weights: Weights) -> dict[str, Any]:
    """Options of the temporal attentions."""
    lengths = [value.shape[1] for key, value in weights.items() if key.endswith("pos_encoder.pe")]
    middle = any(key.startswith("mid_block.motion_modules.") for key in weights)
    return {"motion_mid_block": middle, **({"motion_max_frames": lengths[0]} if lengths else {})}


def autoencoder(weights: Weights) -> dict[str, Any]:
    """Options of the autoencoder around the quantizer."""
    encoder = r"vq\.downsample_encoder\.down"
    levels = count(weights, rf"{encoder}\.(\d+)\.")
    lowest = any(re.match(rf"{encoder}\.{levels - 1}\.attn\.", key) for key in weights)
    return {
        "block_out_channels": [
            weights[f"vq.downsample_encoder.down.{i}.block.0.conv1.weight"].shape[0] for i in range(levels)
        ],
        "layers_per_block": count(weights, rf"{encoder}\.0\.block\.(\d+)\."),
        "attention": "lowest+mid" if lowest else "mid",
    }


def translator(weights: Weights) -> dict[str, Any]:
    """Options of the translator."""
    prefix = weights["trans_base.cond_emb.weight"]
    return {
        "layers": count(weights, r"trans_base\.blocks\.(\d+)\."),
        "width": prefix.shape[0],
        "text_width": prefix.shape[1],
        "token_width": weights["trans_base.tok_emb.weight"].shape[1],
        "head_width": weights["trans_heads.0.ln_f.weight"].shape[0],
        "max_frames": weights["trans_base.pos_embed.embed"].shape[0] - 1,
    }


def tokens_per_frame(weights: Weights) -> int:
    """N: one head for each token of a frame."""
    return count(weights, r"trans_heads\.(\d+)\.")


def ids(weights: Weights) -> int:
    """Codes, [EOS] and [PAD]."""
    return weights["trans_base.tok_emb.weight"].shape[0]
