"""A release in the authors' layout, small and random, written from the published patterns of its keys alone."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import save_file

FRAME, CELLS = (72, 56), (9, 7)  # odd, as RWTH's are further in; halved and rounded down, 4x3 tokens
SIZE = "size=[72,56]"
CHANNELS = (32, 64)  # of the U-Nets, of which the last level does not attend
COMPRESSION = (32, 64)  # of the autoencoder
BACKBONE = ((8, 3), (8, 4), (12, 4), (12, 6), (16, 6), (16, 8), (32, 8))  # outputs, inputs of a group
EMBEDDING, GATE = 32, 8  # channels of e, and of the gate
INNER = "temporal_transformer.transformer_blocks.0"
TOKENS, CODES, WIDTH, TEXT, LAYERS, HEADS, FRAMES = 12, 625, 32, 6, 2, 8, 9
PLACES = 32  # of the temporal attention
PROMPT = 16  # channels of the empty prompt


class Maker:
    """Random tensors by key."""

    def __init__(self, seed: int) -> None:
        self.tensors: dict[str, torch.Tensor] = {}
        self.generator = torch.Generator().manual_seed(seed)

    def random(self, key, *shape, scale=1.0):
        if torch.get_default_device().type == "meta":
            self.tensors[key] = torch.empty(shape)
        else:
            self.tensors[key] = scale * torch.randn(shape, generator=self.generator)

    def linear(self, key, out, inputs, bias=True, kernel=()):
        size = inputs * math.prod(kernel)
        self.random(f"{key}.weight", out, inputs, *kernel, scale=size**-0.5)
        if bias:
            self.random(f"{key}.bias", out, scale=0.1)

    def conv(self, key, out, inputs, kernel):
        self.linear(key, out, inputs, kernel=(kernel, kernel))

    def norm(self, key, width):
        self.random(f"{key}.weight", width, scale=0.1)
        self.tensors[f"{key}.weight"] += 1
        self.random(f"{key}.bias", width, scale=0.1)


def condition_encoder() -> dict[str, torch.Tensor]:
    make = Maker(1)
    make.conv("backbone.conv_in", *BACKBONE[0], 3)
    for i, (out, inputs) in enumerate(BACKBONE[1:]):
        make.conv(f"backbone.blocks.{i}", out, inputs, 3)
    make.conv("gate_module.gate_layer.0", GATE, EMBEDDING, 3)
    make.conv("gate_module.gate_layer.2", 2, GATE, 7)
    return make.tensors


def guider() -> dict[str, torch.Tensor]:
    make, widths = Maker(2), [CHANNELS[0], *CHANNELS]
    make.conv("blocks_0.0", widths[0], EMBEDDING, 1)
    for i in range(1, len(widths)):
        make.conv(f"blocks_{i}.0", widths[i], widths[i - 1], 3)
        make.conv(f"blocks_{i}.2", widths[i], widths[i], 3)
    for i, width in enumerate(widths):
        make.conv(f"block_{i}_out_proj", width, width, 1)
    return make.tensors


def guider_motion() -> dict[str, torch.Tensor]:
    make = Maker(3)
    for i, width in enumerate([CHANNELS[0], *CHANNELS]):
        motion_module(make, f"motion_modules.{i}", width)
    return make.tensors


def unet_motion() -> dict[str, torch.Tensor]:
    make = Maker(4)
    for i, width in enumerate(CHANNELS):
        for layer in range(2):
            motion_module(make, f"down_blocks.{i}.motion_modules.{layer}", width)
    for i, width in enumerate(reversed(CHANNELS)):
        for layer in range(3):
            motion_module(make, f"up_blocks.{i}.motion_modules.{layer}", width)
    return make.tensors


def motion_module(make, place, width):
    place = f"{place}.temporal_transformer"
    make.norm(f"{place}.norm", width)
    make.linear(f"{place}.proj_in", width, width)
    make.linear(f"{place}.proj_out", width, width)
    block = f"{place}.transformer_blocks.0"
    for n in range(2):
        for kind in ("to_q", "to_k", "to_v"):
            make.linear(f"{block}.attention_blocks.{n}.{kind}", width, width, bias=False)
        make.linear(f"{block}.attention_blocks.{n}.to_out.0", width, width)
        make.tensors[f"{block}.attention_blocks.{n}.pos_encoder.pe"] = sinusoids(PLACES, width)[None]
        make.norm(f"{block}.norms.{n}", width)
    make.linear(f"{block}.ff.net.0.proj", 8 * width, width)
    make.linear(f"{block}.ff.net.2", width, 4 * width)
    make.norm(f"{block}.ff_norm", width)


def sinusoids(places, width):
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(places)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)


def autoencoder() -> dict[str, torch.Tensor]:
    make, last = Maker(5), len(COMPRESSION) - 1
    encoder, decoder = "vq.downsample_encoder", "vq.upsample_decoder"
    make.conv(f"{encoder}.conv_in", COMPRESSION[0], EMBEDDING, 3)
    make.conv(f"{decoder}.conv_in", COMPRESSION[-1], 4, 3)
    width = COMPRESSION[0]
    for i, channels in enumerate(COMPRESSION):
        for j in range(2):
            resnet(make, f"{encoder}.down.{i}.block.{j}", width, channels)
            width = channels
            if i == last:
                attention(make, f"{encoder}.down.{i}.attn.{j}", channels)
        if i < last:
            make.conv(f"{encoder}.down.{i}.downsample.conv", channels, channels, 3)
    for i in reversed(range(len(COMPRESSION))):
        for j in range(3):
            resnet(make, f"{decoder}.up.{i}.block.{j}", width, COMPRESSION[i])
            width = COMPRESSION[i]
            if i == last:
                attention(make, f"{decoder}.up.{i}.attn.{j}", width)
        if i > 0:
            make.conv(f"{decoder}.up.{i}.upsample.conv", width, width, 3)
    for half, first, out, inner in (
        (encoder, COMPRESSION[-1], 4, COMPRESSION[-1]),
        (decoder, COMPRESSION[0], EMBEDDING, COMPRESSION[-1]),
    ):
        resnet(make, f"{half}.mid.block_1", inner, inner)
        attention(make, f"{half}.mid.attn_1", inner)
        resnet(make, f"{half}.mid.block_2", inner, inner)
        make.norm(f"{half}.norm_out", first)
        make.conv(f"{half}.conv_out", out, first, 3)
    return make.tensors  # fmt: skip


def resnet(make, place, inputs, out):
    make.norm(f"{place}.norm1", inputs)
    make.conv(f"{place}.conv1", out, inputs, 3)
    make.norm(f"{place}.norm2", out)
    make.conv(f"{place}.conv2", out, out, 3)
    if inputs != out:
        make.conv(f"{place}.nin_shortcut", out, inputs, 1)


def attention(make, place, width):
    make.norm(f"{place}.norm", width)
    make.conv(f"{place}.qkv", 3 * width, width, 1)
    make.conv(f"{place}.proj_out", width, width, 1)


def translator(tokens=TOKENS, frames=FRAMES) -> dict[str, torch.Tensor]:
    make = Maker(6)
    make.random("trans_base.tok_emb.weight", CODES + 2, WIDTH)
    make.linear("trans_base.cond_emb", WIDTH, TEXT)
    make.random("trans_base.pos_embedding", frames, WIDTH)
    make.tensors["trans_base.pos_embed.embed"] = sinusoids(frames, WIDTH)[:, None]
    make.linear("trans_base.token_combiner.0", WIDTH, WIDTH * tokens)
    make.norm("trans_base.token_combiner.1", WIDTH)
    for layer in range(LAYERS):
        block(make, f"trans_base.blocks.{layer}", frames)
    for n in range(tokens):
        block(make, f"trans_heads.{n}.blocks.0", frames)
        make.norm(f"trans_heads.{n}.ln_f", WIDTH)
        make.linear(f"trans_heads.{n}.head", CODES + 2, WIDTH, bias=False)
    return make.tensors


def block(make, place, frames):
    make.norm(f"{place}.ln1", WIDTH)
    make.norm(f"{place}.ln2", WIDTH)
    for kind in ("key", "query", "value", "proj"):
        make.linear(f"{place}.attn.{kind}", WIDTH, WIDTH)
    make.tensors[f"{place}.attn.mask"] = torch.tril(torch.ones(frames, frames))[None, None]
    make.linear(f"{place}.mlp.0", 4 * WIDTH, WIDTH)
    make.linear(f"{place}.mlp.2", WIDTH, 4 * WIDTH)


def stable_diffusion(seed=7) -> UNet2DConditionModel:
    torch.manual_seed(seed)
    return UNet2DConditionModel(
        block_out_channels=CHANNELS,
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D",) * (len(CHANNELS) - 1) + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * (len(CHANNELS) - 1),
        cross_attention_dim=PROMPT,
        attention_head_dim=8,
    )


def reference_net() -> dict[str, torch.Tensor]:
    """Stable Diffusion's without the tail: of the last attention the first norm alone is left."""
    last = f"up_blocks.{len(CHANNELS) - 1}.attentions.2."
    kept = (f"{last}norm.", f"{last}proj_in.", f"{last}transformer_blocks.0.norm1.")
    return {
        key: value
        for key, value in stable_diffusion(8).state_dict().items()
        if not key.startswith(("conv_norm_out", "conv_out"))
        and (not key.startswith(last) or key.startswith(kept))
    }


FULL = {
    "CHANNELS": (320, 640, 1280, 1280),
    "COMPRESSION": (128, 256, 512, 1024),
    "BACKBONE": ((32, 3), (32, 16), (64, 16), (64, 32), (192, 32), (192, 96), (512, 96)),
    "EMBEDDING": 512,
    "GATE": 128,
    "WIDTH": 512,
    "TEXT": 512,
    "LAYERS": 8,
    "PROMPT": 768,
}
"""The published sizes, for the names above."""


def write(
    folder: Path, *, prefix: str = "", full_unet: bool = False, dtype=torch.float32, safe=False, tokens=TOKENS
) -> Path:
    """Write a release; `prefix` wraps the keys of what was saved in training."""

    def save(name, tensors):
        own = {prefix + key: value.to(dtype) for key, value in tensors.items()}
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if safe or path.suffix == ".safetensors":
            save_file(
                {key: value.contiguous() for key, value in own.items()}, path.with_suffix(".safetensors")
            )
        else:
            torch.save(own, path)

    save("image/condition_encoder/model.bin", {**condition_encoder(), **guider()})
    save("temporal/condition_encoder/model.bin", guider_motion())
    save("fsq/condition_encoder/model.bin", autoencoder())
    save("gpt/t2pgpt/model.bin", translator(tokens))
    save("image/appearance_encoder/diffusion_pytorch_model.safetensors", reference_net())
    unet = {key: value for key, value in stable_diffusion().state_dict().items()}
    save("temporal/unet/model.bin", {**(unet if full_unet else {}), **unet_motion()})
    return folder  # fmt: skip


def write_base(folder: Path) -> Path:
    """A Stable Diffusion folder and a VAE in `folder`/vae-ft."""
    from pretrained import write_clip

    stable_diffusion().save_pretrained(folder / "unet")
    write_clip(folder, width=PROMPT)
    torch.manual_seed(9)
    AutoencoderKL(
        block_out_channels=(16, 16, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        norm_num_groups=8,
    ).save_pretrained(folder / "vae-ft")
    return folder
