"""The authors' formulas written out: how the reference is read, and where the guider's features enter."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.attention import BasicTransformerBlock
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from signvip_denoisers.animatediff.denoiser import DeepCache

TIME = torch.tensor([7, 500])


def blocks(unet):
    named = unet.named_modules()
    return {
        name: module
        for name, module in named
        if isinstance(module, BasicTransformerBlock) and "motion_modules" not in name
    }


def seen_by(modules):
    """Inputs and outputs of modules, filled when they run."""
    seen = {}
    for name, module in modules.items():
        module.register_forward_hook(
            lambda _m, args, out, name=name: seen.update({name: (args[0].detach(), out.detach())})
        )
    return seen


def bank_of(picture, net):
    """norm1 of every transformer block's input: what the authors' Reference Net writes."""
    layers = blocks(net.unet)
    inputs = seen_by({name: layer.norm1 for name, layer in layers.items()})
    net(picture)
    return {name: normed for name, (_, normed) in inputs.items()}


def attention(layer, query, seen):
    """softmax(Q K^T / sqrt(d)) V by the layer's own projections, head by head."""
    size = query.shape[-1] // layer.heads
    q, k, v = layer.to_q(query), layer.to_k(seen), layer.to_v(seen)
    heads = []
    for head in range(layer.heads):
        part = slice(head * size, (head + 1) * size)
        weights = (q[..., part] @ k[..., part].transpose(-1, -2) / size**0.5).softmax(-1)
        heads.append(weights @ v[..., part])
    return layer.to_out[0](torch.cat(heads, dim=-1))


@pytest.mark.parametrize("projected", ["on the way", "before"])
@pytest.mark.parametrize("text", [None, 8])
def test_each_block_reads_the_bank_beside_its_own_tokens(text, projected, denoiser, shake):
    """attn1(q=norm1(x), kv=[norm1(x), bank]) + x, then the rest of the block as it was."""
    options = {"cross_attention_dim": text, "motion": "temporal_attention"}
    video = shake(Denoiser.from_config(denoiser.config, **options))
    if text is not None:
        video.empty_prompt.normal_()
    net = ReferenceNet(**video.unet_options, features="attention_input")
    picture, frames = torch.randn(2, 4, 8, 8), 3
    bank = bank_of(picture, net)
    layers = blocks(video.unet)
    seen = seen_by(layers)
    reference = net(picture) if projected == "on the way" else video.project_reference(net(picture))
    prompt = None if projected == "on the way" else video.project_prompt()
    with torch.no_grad():
        video(torch.randn(2, frames, 4, 8, 8), TIME, None, reference, prompt)
        for name, layer in layers.items():
            x, made = seen[name]
            own = layer.norm1(x)
            both = torch.cat([own, bank[name].repeat_interleave(frames, dim=0)], dim=1)
            x = attention(layer.attn1, own, both) + x
            if text is not None:
                words = video.empty_prompt.expand(len(x), -1, -1)
                x = attention(layer.attn2, layer.norm2(x), words) + x
            torch.testing.assert_close(made, layer.ff(layer.norm3(x)) + x, atol=1e-5, rtol=1e-5)


def enter(module, seen, name):
    """Note what a block gets and gives, by keyword as the blocks of diffusers take it."""

    def note(_module, _args, kwargs, out):
        seen[name] = {"in": kwargs["hidden_states"], "out": out, **kwargs}

    module.register_forward_hook(note, with_kwargs=True)


@pytest.mark.parametrize("motion", ["none", "temporal_attention"])
@pytest.mark.parametrize("injection", ["down_blocks", "conv_in+down_blocks"])
def test_features_enter_the_trunk_and_only_the_first_a_skip(motion, injection, denoiser, shake):
    video = Denoiser.from_config(denoiser.config, motion=motion)
    guider = shake(Guider(embedding_channels=6, injection=injection, **video.guider_options))
    unet, seen, stem = video.unet, {}, {}
    unet.conv_in.register_forward_hook(lambda _m, _i, out: stem.update(out=out))
    for name, module in unet.named_modules():
        if name == "mid_block" or name.removeprefix("down_blocks.").removeprefix("up_blocks.").isdigit():
            enter(module, seen, name)
    with torch.no_grad():
        features = guider(torch.randn(2, 3, 6, 8, 8))
        video(torch.randn(2, 3, 4, 8, 8), TIME, features)
    first = [features.pop(0)] if injection == "conv_in+down_blocks" else [0]
    x = stem["out"] + first[0]
    skips = [x]
    for i, feature in enumerate(features):
        block = seen[f"down_blocks.{i}"]
        assert torch.equal(block["in"], x)
        x, residuals = block["out"]
        skips += residuals  # as the block gave them: the feature comes after
        x = x + feature
    assert torch.equal(seen["mid_block"]["in"], x)
    for i in range(len(unet.up_blocks)):
        for skip in reversed(seen[f"up_blocks.{i}"]["res_hidden_states_tuple"]):
            assert torch.equal(skip, skips.pop())
    assert not skips


def test_reused_inner_blocks_leave_the_outermost_as_they_are(denoiser, guider, shake):
    """With the cache of the very same input nothing changes, whatever the guider says further in."""
    video, guider = shake(Denoiser.with_motion(denoiser)), shake(guider)
    sample, features, deep = torch.randn(2, 3, 4, 8, 8), guider(torch.randn(2, 3, 6, 8, 8)), DeepCache()
    plain = video(sample, TIME, features)
    assert torch.equal(video(sample, TIME, features, deep=deep), plain)
    inner = [features[0], *(torch.randn_like(feature) for feature in features[1:])]
    torch.testing.assert_close(video(sample, TIME, inner, deep=deep), plain)
    assert not torch.allclose(
        video(sample, TIME, [torch.ones_like(features[0]), *inner[1:]], deep=deep), plain
    )
