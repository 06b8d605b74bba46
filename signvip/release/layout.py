"""Every key of a release with its shape, for a configuration: the names of the authors' modules, as they save them.

What a file lacks, adds or holds in another shape is told in these names, which are those in the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from torch import nn

from signvip.config import RunConfig
from signvip.footprint.parameters import Networks

Shape = tuple[int, ...]
Layout = dict[str, Shape]


def is_motion(key: str) -> bool:
    """Return whether a key belongs to a temporal attention."""
    return "motion_modules" in key


def layouts(config: RunConfig, networks: Networks) -> dict[str, Layout]:
    """Return the keys of each part; all but tables of places have to be there."""
    e, parts = networks.condition_encoder.embedding_channels, networks.by_part()
    unet, places = parts["denoiser"].unet, int(parts["denoiser"].config["motion_max_frames"])
    return {
        "condition_encoder": dict(_condition_encoder(networks.condition_encoder.config, e)),
        "guider": dict(_guider(parts["guider"].config, e, places)),
        "reference_net": _published(parts["reference_net"].unet),
        "denoiser": _published(unet) | dict(_unet_motion(unet, places)),
        "autoencoder": dict(_autoencoder(networks.autoencoder.config, networks.autoencoder.quantizer.dim)),
        "translator": dict(_translator(config.translator.options, networks)),
    }


def _layer(key: str, *shape: int, bias: bool = True) -> Iterator[tuple[str, Shape]]:
    yield f"{key}.weight", shape
    if bias:
        yield f"{key}.bias", shape[:1]


def _conv(key: str, outputs: int, inputs: int, kernel: int) -> Iterator[tuple[str, Shape]]:
    return _layer(key, outputs, inputs, kernel, kernel)


def _condition_encoder(options: Mapping[str, Any], e: int) -> Iterator[tuple[str, Shape]]:
    conditions, channels = options["num_conditions"], options["channels"]
    yield from _conv("backbone.conv_in", conditions * channels[0], options["image_channels"], 3)
    for level, (inputs, outputs) in enumerate(pairwise(channels)):  # groups: a filter sees one condition
        yield from _conv(f"backbone.blocks.{2 * level}", conditions * inputs, inputs, 3)
        yield from _conv(f"backbone.blocks.{2 * level + 1}", conditions * outputs, inputs, 3)
    yield from _conv("gate_module.gate_layer.0", options["gate_channels"], e, 3)
    yield from _conv("gate_module.gate_layer.2", conditions, options["gate_channels"], 7)


def _guider(options: Mapping[str, Any], e: int, places: int) -> Iterator[tuple[str, Shape]]:
    widths = [options["block_out_channels"][0], *options["block_out_channels"]]
    yield from _conv("blocks_0.0", widths[0], e, 1)
    for block, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        yield from _conv(f"blocks_{block}.0", outputs, inputs, 3)
        yield from _conv(f"blocks_{block}.2", outputs, outputs, 3)
    for block, width in enumerate(widths):
        yield from _conv(f"block_{block}_out_proj", width, width, 1)
        yield from _motion(f"motion_modules.{block}", width, places)


def _published(unet: nn.Module) -> Layout:
    """Spatial layers, which have the names of diffusers."""
    return {name: tuple(value.shape) for name, value in unet.state_dict().items() if not is_motion(name)}


def _unet_motion(unet: nn.Module, places: int) -> Iterator[tuple[str, Shape]]:
    for name, weight in unet.named_parameters():
        if is_motion(name) and name.endswith(".proj_in.bias"):  # one a module
            yield from _motion(name.removesuffix(".proj_in.bias"), weight.shape[0], places)


def _motion(place: str, width: int, places: int) -> Iterator[tuple[str, Shape]]:
    place = f"{place}.temporal_transformer"
    block = f"{place}.transformer_blocks.0"
    yield from _layer(f"{place}.norm", width)
    yield from _layer(f"{place}.proj_in", width, width)
    yield from _layer(f"{place}.proj_out", width, width)
    for n in range(2):
        for kind in ("to_q", "to_k", "to_v"):
            yield from _layer(f"{block}.attention_blocks.{n}.{kind}", width, width, bias=False)
        yield from _layer(f"{block}.attention_blocks.{n}.to_out.0", width, width)
        yield f"{block}.attention_blocks.{n}.pos_encoder.pe", (1, places, width)
        yield from _layer(f"{block}.norms.{n}", width)
    yield from _layer(f"{block}.ff.net.0.proj", 8 * width, width)
    yield from _layer(f"{block}.ff.net.2", width, 4 * width)
    yield from _layer(f"{block}.ff_norm", width)


def _autoencoder(options: Mapping[str, Any], dim: int) -> Iterator[tuple[str, Shape]]:
    encoder, decoder, e = "vq.downsample_encoder", "vq.upsample_decoder", options["embedding_channels"]
    widths, layers = list(options["block_out_channels"]), options["layers_per_block"]
    lowest = len(widths) - 1
    attends = lowest if options["attention"] == "lowest+mid" else None
    yield from _conv(f"{encoder}.conv_in", widths[0], e, 3)
    yield from _conv(f"{decoder}.conv_in", widths[-1], dim, 3)
    for level, (above, width) in enumerate(pairwise([widths[0], *widths])):
        yield from _level(f"{encoder}.down.{level}", above, width, layers, level == attends)
        below = widths[min(level + 1, lowest)]
        yield from _level(f"{decoder}.up.{level}", below, width, layers + 1, level == attends)
        if level < lowest:
            yield from _conv(f"{encoder}.down.{level}.downsample.conv", width, width, 3)
        if level > 0:
            yield from _conv(f"{decoder}.up.{level}.upsample.conv", width, width, 3)
    for half, last, outputs in ((encoder, widths[-1], dim), (decoder, widths[0], e)):
        yield from _resnet(f"{half}.mid.block_1", widths[-1], widths[-1])
        yield from _attention(f"{half}.mid.attn_1", widths[-1])
        yield from _resnet(f"{half}.mid.block_2", widths[-1], widths[-1])
        yield from _layer(f"{half}.norm_out", last)
        yield from _conv(f"{half}.conv_out", outputs, last, 3)


def _level(place: str, inputs: int, width: int, layers: int, attends: bool) -> Iterator[tuple[str, Shape]]:
    for n in range(layers):
        yield from _resnet(f"{place}.block.{n}", width if n else inputs, width)
        if attends:
            yield from _attention(f"{place}.attn.{n}", width)


def _resnet(place: str, inputs: int, outputs: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{place}.norm1", inputs)
    yield from _conv(f"{place}.conv1", outputs, inputs, 3)
    yield from _layer(f"{place}.norm2", outputs)
    yield from _conv(f"{place}.conv2", outputs, outputs, 3)
    if inputs != outputs:
        yield from _conv(f"{place}.nin_shortcut", outputs, inputs, 1)


def _attention(place: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{place}.norm", width)
    yield from _conv(f"{place}.qkv", 3 * width, width, 1)
    yield from _conv(f"{place}.proj_out", width, width, 1)


def _translator(options: Mapping[str, Any], networks: Networks) -> Iterator[tuple[str, Shape]]:
    width, tokens = options["width"], networks.autoencoder.tokens_per_frame
    token_width, head_width = options.get("token_width") or width, options.get("head_width") or width
    ids = networks.autoencoder.vocab_size + 2
    yield from _layer("trans_base.tok_emb", ids, token_width, bias=False)
    yield from _layer("trans_base.cond_emb", width, options["text_width"])
    yield "trans_base.pos_embed.embed", (options["max_frames"] + 1, 1, width)
    yield from _layer("trans_base.token_combiner.0", width, tokens * token_width)
    yield from _layer("trans_base.token_combiner.1", width)
    for layer in range(options["layers"]):
        yield from _causal(f"trans_base.blocks.{layer}", width)
    for n in range(tokens):
        yield from _causal(f"trans_heads.{n}.blocks.0", head_width)
        yield from _layer(f"trans_heads.{n}.ln_f", head_width)
        yield from _layer(f"trans_heads.{n}.head", ids, head_width, bias=False)


def _causal(place: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield from _layer(f"{place}.ln1", width)
    yield from _layer(f"{place}.ln2", width)
    for kind in ("key", "query", "value", "proj"):
        yield from _layer(f"{place}.attn.{kind}", width, width)
    yield from _layer(f"{place}.mlp.0", 4 * width, width)
    yield from _layer(f"{place}.mlp.2", width, 4 * width)
