from __future__ import annotations

import pytest
import torch
from signvip_denoisers.animatediff import Denoiser, Guider, ReferenceNet
from signvip_denoisers.animatediff.attention import spatial_attentions
from torch.nn import functional
from wholes import sampled

from signvip.errors import ConfigError
from signvip.sampling.options import Sampler
from signvip.sampling.sampler import make_scheduler

TIME = torch.tensor([7, 500])


def attention_layers(denoiser):
    return [name for name, _ in spatial_attentions(denoiser.unet, "attn1")]


@pytest.mark.parametrize("motion", ["none", "temporal_attention"])
def test_every_self_attention_has_its_reference(denoiser, reference_net, motion):
    denoiser = Denoiser.from_config(denoiser.config, motion=motion)
    pictures = torch.randn(2, 4, 8, 8)
    reference = reference_net(pictures)
    assert sorted(reference) == sorted(attention_layers(denoiser))
    assert len(reference) == 7  # one in each down layer, one in the middle, two in each up block
    for name, attention in spatial_attentions(denoiser.unet, "attn1"):
        assert reference[name].shape[2] == attention.to_k.in_features


@pytest.mark.parametrize("motion", ["none", "temporal_attention"])
def test_changing_one_reference_changes_that_layer(denoiser, reference_net, motion):
    denoiser = Denoiser.from_config(denoiser.config, motion=motion)
    reference = reference_net(torch.randn(2, 4, 8, 8))
    sample = torch.randn(2, 3, 4, 8, 8)
    outputs: dict[str, torch.Tensor] = {}
    for name, attention in spatial_attentions(denoiser.unet, "attn1"):
        attention.register_forward_hook(lambda _m, _i, out, name=name: outputs.update({name: out}))
    before = {}
    denoiser(sample, TIME, None, reference)
    before.update(outputs)
    layers = attention_layers(denoiser)
    for place, name in enumerate(layers):
        changed = {**reference, name: reference[name] + torch.randn_like(reference[name])}
        denoiser(sample, TIME, None, changed)
        assert not torch.allclose(outputs[name], before[name], atol=1e-5)
        # the layers are in the order in which they run, so those before it stay as they were
        assert all(torch.equal(outputs[other], before[other]) for other in _earlier(layers, place))


def _earlier(layers, place):
    order = {"down": 0, "mid_": 1, "up_b": 2}
    return [name for name in layers[:place] if order[name[:4]] <= order[layers[place][:4]]]


def test_attention_is_over_own_and_reference_tokens(denoiser, reference_net):
    name, attention = next(spatial_attentions(denoiser.unet, "attn1"))
    own, tokens = torch.randn(6, 10, 8), torch.randn(2, 4, 8)
    made = attention(own, reference={name: tokens})
    both = torch.cat([own, tokens.repeat_interleave(3, dim=0)], dim=1)  # each clip's three frames share one
    split = [
        layer(x).unflatten(-1, (2, 4)).transpose(1, 2)
        for layer, x in ((attention.to_q, own), (attention.to_k, both), (attention.to_v, both))
    ]
    weights = (split[0] @ split[1].transpose(-1, -2) / 4**0.5).softmax(-1)
    expected = attention.to_out[0]((weights @ split[2]).transpose(1, 2).flatten(2))
    torch.testing.assert_close(made, expected)


def test_clips_see_their_own_reference(denoiser, reference_net):
    pictures = torch.randn(2, 4, 8, 8)
    sample = torch.randn(2, 3, 4, 8, 8)
    together = denoiser(sample, TIME, None, reference_net(pictures))
    for i in range(2):
        alone = denoiser(sample[i : i + 1], TIME[i : i + 1], None, reference_net(pictures[i : i + 1]))
        torch.testing.assert_close(together[i : i + 1], alone)


def test_what_is_collected_is_an_option(denoiser):
    pictures = torch.randn(1, 4, 8, 8)
    nets = {
        kind: ReferenceNet(**denoiser.unet_options, features=kind)
        for kind in ("attention_output", "attention_input")
    }
    nets["attention_input"].load_state_dict(nets["attention_output"].state_dict())
    output, given = (net(pictures) for net in nets.values())
    for name, attention in spatial_attentions(nets["attention_output"].unet, "attn1"):
        torch.testing.assert_close(output[name], attention(given[name]))
        # the input of a self-attention has passed its layer norm
        normal = functional.layer_norm(given[name], given[name].shape[2:])
        torch.testing.assert_close(given[name], normal, rtol=0, atol=1e-2)


@pytest.mark.parametrize("kind", ["attention_output", "attention_input"])
@pytest.mark.parametrize("levels", [(True, True), (False, True)])
def test_no_parameter_is_carried_in_vain(denoiser, kind, levels):
    net = ReferenceNet(**{**denoiser.unet_options, "attention_levels": levels}, features=kind)
    tokens = net(torch.randn(1, 4, 8, 8))
    sum(feature.square().sum() for feature in tokens.values()).backward()
    assert not [name for name, p in net.named_parameters() if p.requires_grad and p.grad is None]


def test_timestep_is_zero_unless_given(reference_net):
    pictures = torch.randn(2, 4, 8, 8)
    name = "mid_block.attentions.0.transformer_blocks.0.attn1"
    still = reference_net(pictures)[name]
    assert torch.equal(still, reference_net(pictures, 0)[name])
    assert not torch.equal(still, reference_net(pictures, TIME)[name])


def test_saves_and_loads(tmp_path, reference_net):
    reference_net.save_pretrained(tmp_path)
    again = ReferenceNet.from_pretrained(tmp_path)
    pictures = torch.randn(1, 4, 8, 8)
    torch.testing.assert_close(again(pictures), reference_net(pictures))


def test_without_its_last_attention_it_gives_the_same_inputs(denoiser):
    whole = ReferenceNet(**denoiser.unet_options, features="attention_input")
    shorter = ReferenceNet(**denoiser.unet_options, features="attention_input", keeps="last_norm")
    missing, unexpected = shorter.load_state_dict(whole.state_dict(), strict=False)
    assert not missing and unexpected and all(".attn1." in name for name in unexpected)
    pictures = torch.randn(2, 4, 8, 8)
    torch.testing.assert_close(shorter(pictures), whole(pictures), rtol=0, atol=0)


def test_an_output_of_an_attention_that_is_not_kept_is_refused(denoiser):
    with pytest.raises(ConfigError, match="attention_input"):
        ReferenceNet(**denoiser.unet_options, keeps="last_norm")


def test_the_samplers_timestep_reaches_it_only_where_asked(denoiser):
    pictures = torch.randn(1, 4, 8, 8)
    for timestep, calls in (("zero", [0]), ("sampler", [751, 501, 251, 1])):
        net = ReferenceNet(**denoiser.unet_options, timestep=timestep)
        asked = []
        net.register_forward_pre_hook(lambda _, given, asked=asked: asked.append(int(given[1])))
        guider = Guider(embedding_channels=6, **denoiser.guider_options)
        scheduler, e = make_scheduler("ddim", Sampler()), torch.randn(1, 2, 6, 8, 8)
        sampled(denoiser, guider, scheduler, (net, pictures), e, steps=4)
        assert asked == calls
