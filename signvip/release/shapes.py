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
    """Count the numbers at the group of a pattern: layers, blocks or heads."""
    found = (re.match(pattern, name) for name in names)
    return 1 + max((int(match[1]) for match in found if match), default=-1)


def condition_encoder(weights: Weights) -> dict[str, Any]:
    """Return the options of the multi-condition encoder."""
    conditions = conditions_of(weights)
    blocks = count(weights, r"backbone\.blocks\.(\d+)\.")
    last = ["backbone.conv_in", *(f"backbone.blocks.{block}" for block in range(1, blocks + 1, 2))]
    widths = [outputs(weights, layer) for layer in last]
    channels = [width // conditions for width in widths if width and conditions]
    return _told(
        channels=channels if len(channels) == len(last) else None,
        gate_channels=outputs(weights, "gate_module.gate_layer.0"),
    )


def conditions_of(weights: Weights) -> int | None:
    """Return how many conditions the gate weighs."""
    return outputs(weights, "gate_module.gate_layer.2")


def unet(weights: Weights) -> dict[str, Any]:
    """Return the options of the denoiser, from the names of Stable Diffusion."""
    levels = count(weights, r"down_blocks\.(\d+)\.")
    attends = [any(key.startswith(f"down_blocks.{i}.attentions.") for key in weights) for i in range(levels)]
    widths = [outputs(weights, f"down_blocks.{i}.resnets.0.conv1") for i in range(levels)]
    text = [size(weights, key, 1) for key in weights if key.endswith("attn2.to_k.weight")]
    return {
        **_told(
            in_channels=size(weights, "conv_in.weight", 1),
            block_out_channels=widths if all(widths) else None,
            layers_per_block=count(weights, r"down_blocks\.0\.resnets\.(\d+)\."),
            attention_levels=attends,
        ),
        "cross_attention_dim": next((width for width in text if width), None),  # None: no attention to text
    }


def motion(weights: Weights) -> dict[str, Any]:
    """Return the options of the temporal attentions."""
    lengths = (size(weights, key, 1) for key in weights if key.endswith("pos_encoder.pe"))
    middle = any(key.startswith("mid_block.motion_modules.") for key in weights)
    return {"motion_mid_block": middle, **_told(motion_max_frames=next(lengths, None))}


def autoencoder(weights: Weights) -> dict[str, Any]:
    """Return the options of the autoencoder around the quantizer."""
    encoder = "vq.downsample_encoder.down"
    levels = count(weights, rf"{re.escape(encoder)}\.(\d+)\.")
    lowest = any(key.startswith(f"{encoder}.{levels - 1}.attn.") for key in weights)
    widths = [outputs(weights, f"{encoder}.{i}.block.0.conv1") for i in range(levels)]
    return _told(
        block_out_channels=widths if all(widths) else None,
        layers_per_block=count(weights, rf"{re.escape(encoder)}\.0\.block\.(\d+)\."),
        attention="lowest+mid" if lowest else "mid",
    )


def translator(weights: Weights) -> dict[str, Any]:
    """Return the options of the translator."""
    rows = size(weights, "trans_base.pos_embed.embed", 0) or size(weights, "trans_base.blocks.0.attn.mask", 2)
    return _told(
        layers=count(weights, r"trans_base\.blocks\.(\d+)\."),
        width=outputs(weights, "trans_base.cond_emb"),
        text_width=size(weights, "trans_base.cond_emb.weight", 1),
        token_width=size(weights, "trans_base.tok_emb.weight", 1),
        head_width=outputs(weights, "trans_heads.0.ln_f"),
        max_frames=rows - 1 if rows else None,
    )


def tokens_per_frame(weights: Weights) -> int:
    """Return N, the number of embeddings that the mixer takes and of its heads."""
    mixed, each = (
        size(weights, "trans_base.token_combiner.0.weight", 1),
        size(weights, "trans_base.tok_emb.weight", 1),
    )
    return mixed // each if mixed and each else count(weights, r"trans_heads\.(\d+)\.")


def ids(weights: Weights) -> int | None:
    """Codes, [EOS] and [PAD]."""
    return size(weights, "trans_base.tok_emb.weight", 0)


def outputs(weights: Weights, layer: str) -> int | None:
    """Outputs of a layer, told by its weight or its bias; None where neither is there."""
    return size(weights, f"{layer}.weight", 0) or size(weights, f"{layer}.bias", 0)


def size(weights: Weights, key: str, axis: int) -> int | None:
    """Length of an axis; None for a tensor that is missing or has no such axis, which is told later."""
    shape = weights[key].shape if key in weights else ()
    return shape[axis] if axis < len(shape) else None


def _told(**options: Any) -> dict[str, Any]:
    """Keep the options that the weights tell; the rest stays as in the preset."""
    return {name: value for name, value in options.items() if value}
