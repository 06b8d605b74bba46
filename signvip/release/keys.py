"""From the release's names to ours, part by part; shapes change where a layer is stored in another form.

Each table is read from the top: the first pattern that fits a whole key gives its new name, None drops it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from signvip.release.shapes import count

Rules = Sequence[tuple[str, str | Callable[["re.Match[str]"], str] | None]]


def convert(part: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a part's weights under our names; of the translator and the autoencoder all have to be there."""
    match part:
        case "condition_encoder":
            return rename(tensors, CONDITION_ENCODER)
        case "guider":
            return rename(tensors, GUIDER)
        case "autoencoder":
            levels = count(tensors, r"vq\.downsample_encoder\.down\.(\d+)\.")
            return split_attentions(rename(tensors, autoencoder_rules(levels)))
        case "translator":
            return fuse_translator(rename(tensors, TRANSLATOR))
    return {f"unet.{key}": value for key, value in rename(tensors, UNET).items()}


def rename(tensors: Mapping[str, Tensor], rules: Rules) -> dict[str, Tensor]:
    """Apply a table of names."""
    renamed = {}
    for key, value in tensors.items():
        fits = ((found, new) for pattern, new in rules if (found := re.fullmatch(pattern, key)))
        found, new = next(fits)  # of what is in the layout, every key has its rule
        if new is not None:
            renamed[found.expand(new) if isinstance(new, str) else new(found)] = value
    return renamed


CONDITION_ENCODER: Rules = (
    (r"backbone\.conv_in\.(\w+)", r"backbone.0.\1"),
    # each convolution is followed by its activation in our sequence
    (r"backbone\.blocks\.(\d+)\.(\w+)", lambda m: f"backbone.{2 * int(m[1]) + 2}.{m[2]}"),
    (r"gate_module\.gate_layer\.(\d+)\.(\w+)", r"gate.\1.\2"),
)


def motion_rules(place: str) -> Rules:
    """AnimateDiff's names, below a module list at `place`, to those of diffusers."""
    old, new = rf"({place})\.temporal_transformer", r"\1"
    block = r"transformer_blocks\.(\d+)"
    return (
        (rf"{old}\.(norm|proj_in|proj_out)\.(\w+)", rf"{new}.\2.\3"),
        (rf"{old}\.{block}\.attention_blocks\.\d+\.pos_encoder\.pe", None),  # computed anew, as all tables are
        (
            rf"{old}\.{block}\.attention_blocks\.(\d+)\.(to_[\w.]+)",
            lambda m: f"{m[1]}.transformer_blocks.{m[2]}.attn{int(m[3]) + 1}.{m[4]}",
        ),
        (
            rf"{old}\.{block}\.norms\.(\d+)\.(\w+)",
            lambda m: f"{m[1]}.transformer_blocks.{m[2]}.norm{int(m[3]) + 1}.{m[4]}",
        ),
        (rf"{old}\.{block}\.ff_norm\.(\w+)", rf"{new}.transformer_blocks.\2.norm3.\3"),
        (rf"{old}\.{block}\.(ff\.[\w.]+)", rf"{new}.transformer_blocks.\2.\3"),
    )  # fmt: skip


GUIDER: Rules = (
    (r"blocks_(\d+)\.(\d+)\.(\w+)", r"blocks.\1.\2.\3"),
    (r"block_(\d+)_out_proj\.(\w+)", r"projections.\1.\2"),
    *motion_rules(r"motion_modules\.\d+"),
)
MOTION: Rules = motion_rules(r"[\w.]+\.motion_modules\.\d+")
UNET: Rules = (*MOTION, (r"(\w+\..+)", r"\1"))  # the rest has the names of diffusers


def autoencoder_rules(levels: int) -> Rules:
    """Map the names of latent diffusion's autoencoder to diffusers'; the decoder counts from the other end."""
    encoder, decoder = r"vq\.downsample_encoder", r"vq\.upsample_decoder"
    return (
        *_half(encoder, "encoder", "down", "down_blocks", lambda level: level),
        (rf"{encoder}\.norm_out\.(\w+)", r"encoder.conv_norm_out.\1"),
        (rf"{encoder}\.down\.(\d+)\.downsample\.conv\.(\w+)", r"encoder.down_blocks.\1.downsamplers.0.conv.\2"),
        *_half(decoder, "decoder", "up", "up_blocks", lambda level: levels - 1 - level),
        (rf"{decoder}\.norm_out\.(\w+)", r"decoder.norm.\1"),
        (
            rf"{decoder}\.up\.(\d+)\.upsample\.conv\.(\w+)",
            lambda m: f"decoder.upsamplers.{levels - 1 - int(m[1])}.conv.{m[2]}",
        ),
    )  # fmt: skip


def _half(old: str, new: str, steps: str, blocks: str, place: Callable[[int], int]) -> Rules:
    layer = {"nin_shortcut": "conv_shortcut", "norm": "group_norm", "proj_out": "to_out.0"}

    def name(word: str) -> str:
        return layer.get(word, word)

    return (
        (rf"{old}\.(conv_in|conv_out)\.(\w+)", rf"{new}.\1.\2"),
        (
            rf"{old}\.{steps}\.(\d+)\.block\.(\d+)\.(\w+)\.(\w+)",
            lambda m: f"{new}.{blocks}.{place(int(m[1]))}.resnets.{m[2]}.{name(m[3])}.{m[4]}",
        ),
        (
            rf"{old}\.{steps}\.(\d+)\.attn\.(\d+)\.(\w+)\.(\w+)",
            lambda m: f"{new}.{blocks}.{place(int(m[1]))}.attentions.{m[2]}.{name(m[3])}.{m[4]}",
        ),
        (
            rf"{old}\.mid\.block_(\d)\.(\w+)\.(\w+)",
            lambda m: f"{new}.mid_block.resnets.{int(m[1]) - 1}.{name(m[2])}.{m[3]}",
        ),
        (
            rf"{old}\.mid\.attn_(\d)\.(\w+)\.(\w+)",
            lambda m: f"{new}.mid_block.attentions.{int(m[1]) - 1}.{name(m[2])}.{m[3]}",
        ),
    )


def split_attentions(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """1x1 convolutions that make query, key and value at once to three linear layers."""
    made = {}
    for key, value in weights.items():
        flat = value.flatten(1) if value.ndim == 4 and value.shape[2:] == (1, 1) else value
        if ".qkv." in key:
            for part, own in zip(("to_q", "to_k", "to_v"), flat.chunk(3), strict=True):
                made[key.replace("qkv", part)] = own.contiguous()
        else:
            made[key] = flat if ".to_out." in key else value
    return made


TRANSLATOR: Rules = (
    (r"trans_base\.tok_emb\.weight", "mixer.embed.weight"),
    (r"trans_base\.cond_emb\.(\w+)", r"prefix.project.\1"),
    (r"trans_base\.token_combiner\.([01])\.(\w+)", r"mixer.mix.\1.\2"),
    (r"trans_base\.pos_embed\.embed", None),
    (r"trans_base\.(blocks\.\d+\..+)", r"trunk.\1"),
    (r"trans_heads\.(\d+)\.blocks\.0\.(.+)", r"heads.\1.\2"),
    (r"trans_heads\.(\d+)\.(ln_f|head)\.(\w+)", r"heads.\1.\2.\3"),
)
TRUNK_LAYERS = {
    "ln1": "ln_1",
    "attn.proj": "attn.c_proj",
    "ln2": "ln_2",
    "mlp.0": "mlp.c_fc",
    "mlp.2": "mlp.c_proj",
}
HEAD_LAYERS = {
    "ln1": "norm_attention", "attn.qkv": "query_key_value", "attn.proj": "attended", "ln2": "norm_mlp",
    "mlp.0": "widen", "mlp.2": "narrow", "ln_f": "norm_out", "head": "classify",
}  # fmt: skip


def fuse_translator(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Linear layers to transposed ones, with query, key and value in one; heads stacked."""
    made: dict[str, Tensor] = {}
    heads: dict[str, dict[int, Tensor]] = {}
    for key, value in _joined(weights).items():
        name, _, kind = key.rpartition(".")
        if found := re.fullmatch(r"trunk\.blocks\.(\d+)\.(.+)", name):
            layer = {**TRUNK_LAYERS, "attn.qkv": "attn.c_attn"}.get(found[2], found[2])
            made[f"trunk.h.{found[1]}.{layer}.{kind}"] = value.T.contiguous() if value.ndim == 2 else value
        elif found := re.fullmatch(r"heads\.(\d+)\.(.+)", name):
            layer = HEAD_LAYERS.get(found[2], found[2])
            own = value.T if value.ndim == 2 else value[None]
            heads.setdefault(f"heads.{layer}.{kind}", {})[int(found[1])] = own
        else:
            made[key] = value
    stacked = {key: torch.stack([each[n] for n in sorted(each)]) for key, each in heads.items()}
    return {f"network.{key}": value for key, value in {**made, **stacked}.items()}


def _joined(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Query, key and value of a layer as one, in this order."""
    made = dict(weights)
    for key in weights:
        if ".attn.query." in key:
            three = [made.pop(key.replace("query", part)) for part in ("query", "key", "value")]
            made[key.replace("query", "qkv")] = torch.cat(three)
    return made
