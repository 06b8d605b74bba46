"""The autoencoder around any quantizer: grids, statistics, round trips and refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import signvip
from signvip.errors import ConfigError, MismatchError, PluginError
from signvip.models.autoencoder import Autoencoder
from signvip.models.code_usage import CodeUsage
from signvip.registry import Plugin, registry

SMALL = {"embedding_channels": 6, "grid": (8, 8), "block_out_channels": (8, 16), "norm_num_groups": 4}


def small(**options) -> Autoencoder:
    torch.manual_seed(0)
    return Autoencoder(**{**SMALL, **options})


@pytest.fixture
def plugin(monkeypatch):
    """Register a quantizer for one test, by the registry that plugins use."""

    def add(name: str, cls: type) -> None:
        monkeypatch.setattr(
            registry(), "records", [*registry().records, Plugin("quantizer", name, "test", "0", target=cls)]
        )

    return add


class SignQuantizer(nn.Module):
    """The example of the plugin guide, as a reader would type it."""

    class Config(signvip.Config):
        channels: int = 8

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.dim = config.channels
        self.vocab_size = 2**config.channels
        self.register_buffer("powers", 2 ** torch.arange(self.dim)[:, None, None], persistent=False)

    def forward(self, z):
        tokens = ((z > 0) * self.powers).sum(1)
        codes = z + (self.decode(tokens) - z).detach()
        return signvip.Quantized(codes, tokens)

    def decode(self, tokens):
        return tokens[:, None] // self.powers % 2 * 2.0 - 1.0


@pytest.mark.parametrize(
    ("grid", "downsamples", "grids"),
    [
        ((34, 28), 3, [(34, 28), (17, 14), (8, 7), (4, 3)]),  # 272x224, as the paper: 12 tokens a frame
        ((64, 64), 3, [(64, 64), (32, 32), (16, 16), (8, 8)]),  # 512x512: 64
        ((16, 16), 2, [(16, 16), (8, 8), (4, 4)]),  # the preset `tiny`
        ((5, 2), 1, [(5, 2), (2, 1)]),
    ],
)
def test_odd_grids_are_halved_downwards_and_come_back_whole(grid, downsamples, grids):
    model = small(grid=grid, block_out_channels=(4,) * (downsamples + 1))
    assert model.grids == grids
    e = torch.randn(2, 6, *grid)
    rebuilt, quantized = model(e)
    assert rebuilt.shape == e.shape
    assert tuple(quantized.tokens.shape) == (2, *grids[-1])
    assert model.tokens_per_frame == grids[-1][0] * grids[-1][1]


@pytest.mark.parametrize("quantizer", ["fsq", "vq"])
def test_decoding_tokens_equals_reconstructing(quantizer):
    model = small(quantizer=quantizer).eval()
    rebuilt, quantized = model(torch.randn(3, 6, 8, 8))
    torch.testing.assert_close(model.decode(model.encode(torch.zeros(1, 6, 8, 8)).tokens).shape, (1, 6, 8, 8))
    torch.testing.assert_close(model.decode(quantized.tokens), rebuilt)
    torch.testing.assert_close(model.decode_frames(quantized.tokens.flatten(1)), rebuilt)


def test_a_quantizer_of_a_third_party_sets_the_latent_channels(plugin):
    plugin("sign", SignQuantizer)
    model = small(quantizer="sign", quantizer_config={"channels": 10})
    _, quantized = model(torch.randn(2, 6, 8, 8))
    assert quantized.codes.shape == (2, 10, 4, 4) and model.quantizer.vocab_size == 1024


def test_the_gradient_reaches_every_weight():
    model = small()
    rebuilt, _ = model(torch.randn(4, 6, 8, 8))
    rebuilt.square().mean().backward()
    assert [name for name, weight in model.named_parameters() if weight.grad is None] == []


def test_starts_with_many_codes_in_use():
    usage = CodeUsage(625)
    usage.add(small().encode(torch.randn(64, 6, 8, 8)).tokens)
    assert usage.usage > 0.3


def test_a_few_steps_lower_the_loss():
    model = small(block_out_channels=(16, 32))
    e = nn.functional.interpolate(torch.randn(16, 6, 2, 2), size=(8, 8), mode="bilinear")
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = (model(e)[0] - e).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_statistics_make_embeddings_unit_and_reconstructions_return_to_scale():
    e = 3 + 5 * torch.randn(64, 6, 8, 8)
    model = small()
    model.set_statistics(e.mean((0, 2, 3)), e.std((0, 2, 3)))
    unit = model.standardise(e)
    assert abs(float(unit.mean())) < 1e-3 and abs(float(unit.std()) - 1) < 1e-3
    with torch.no_grad():
        for weight in model.decoder.conv_out.parameters():
            weight.zero_()
    torch.testing.assert_close(model(e)[0].mean((0, 2, 3)), model.mean)


def test_a_dead_channel_does_not_blow_up():
    model = small()
    model.set_statistics(torch.zeros(6), torch.tensor([1.0, 1, 1, 1, 1, 0]))
    assert model.standardise(torch.full((1, 6, 8, 8), 1e-5)).abs().max() < 1
    model.set_statistics(torch.zeros(6), torch.zeros(6))
    assert model.standardise(torch.ones(1, 6, 8, 8)).isfinite().all()


@pytest.mark.parametrize("quantizer", ["fsq", "vq"])
def test_a_saved_model_gives_the_same_tokens_and_embeddings(tmp_path, quantizer):
    model = small(quantizer=quantizer)
    e = torch.randn(40, 6, 8, 8)
    model.set_statistics(e.mean((0, 2, 3)), e.std((0, 2, 3)))
    model(e)
    model.eval().save_pretrained(tmp_path)
    again = Autoencoder.from_pretrained(tmp_path).eval()
    assert torch.equal(again.encode(e).tokens, model.encode(e).tokens)
    assert torch.equal(again.decode(again.encode(e).tokens), model.decode(model.encode(e).tokens))
    assert again.config.quantizer == quantizer


def test_bfloat16_weights_keep_the_quantizer_in_float32():
    model = small().to(torch.bfloat16)
    rebuilt, quantized = model(torch.randn(2, 6, 8, 8))
    torch.testing.assert_close(model.decode(quantized.tokens), rebuilt)


def test_other_sizes_than_trained_for_are_refused():
    with pytest.raises(MismatchError, match=r"8x9, .* 8x8"):
        small().encode(torch.zeros(1, 6, 8, 9))
    with pytest.raises(MismatchError, match="signvip tokenize"):
        small().decode(torch.zeros(1, 4, 5, dtype=torch.long))
    with pytest.raises(MismatchError, match="signvip tokenize"):
        small().decode_frames(torch.zeros(1, 15, dtype=torch.long))
    with pytest.raises(MismatchError, match="outside the 625 codes"):
        small().decode(torch.full((1, 4, 4), 625))


def test_a_grid_that_cannot_be_halved_so_often_is_refused():
    with pytest.raises(ConfigError, match="cannot be halved 2 times"):
        small(grid=(3, 3), block_out_channels=(4, 4, 4))


def test_a_quantizer_without_dim_or_with_other_codes_is_refused(plugin):
    class Nameless(SignQuantizer):
        def __init__(self, config) -> None:
            super().__init__(config)
            self.dim = 2.5

    class Shrinking(SignQuantizer):
        def forward(self, z):
            return signvip.Quantized(z[:, :1], z[:, 0].long())

    plugin("nameless", Nameless)
    plugin("shrinking", Shrinking)
    with pytest.raises(PluginError, match=r"'nameless' has dim=2\.5"):
        small(quantizer="nameless")
    with pytest.raises(PluginError, match="'shrinking' turned"):
        small(quantizer="shrinking")(torch.zeros(1, 6, 8, 8))


def test_attention_at_the_lowest_level_is_an_option():
    options = {"embedding_channels": 6, "grid": (17, 14), "block_out_channels": (8, 16), "norm_num_groups": 4}
    plain, attending = Autoencoder(**options), Autoencoder(**options, attention="lowest+mid")
    added = set(attending.state_dict()) - set(plain.state_dict())
    assert added and all(".attentions." in name for name in added)
    assert {name.rpartition(".attentions.")[0] for name in added} == {
        "encoder.down_blocks.1",
        "decoder.up_blocks.0",
    }
    e = torch.randn(2, 6, 17, 14)
    assert attending(e)[0].shape == e.shape


def test_the_scale_of_a_channel_changes_no_token_once_it_is_measured():
    torch.manual_seed(1)
    model, e = small(), torch.randn(8, 6, 8, 8)
    place, scale = torch.arange(6.0)[:, None, None], torch.linspace(1, 50, 6)[:, None, None]
    model.set_statistics(torch.zeros(6), torch.ones(6))
    plain, rebuilt = model.encode(e).tokens, model(e)[0]
    model.set_statistics(place.flatten(), scale.flatten())
    moved = e * scale + place
    assert (model.encode(moved).tokens == plain).float().mean() > 0.99
    torch.testing.assert_close((model(moved)[0] - place) / scale, rebuilt, rtol=1e-2, atol=1e-2)


def test_tokens_may_be_fewer_than_the_last_grid_has_cells():
    """Averaged on the way in, and spread over the cells again on the way out."""
    model, e = small(tokens=(3, 2)).eval(), torch.randn(2, 6, 8, 8)
    seen = []
    model.bottleneck.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    rebuilt, quantized = model(e)
    assert model.token_grid == (3, 2) and model.tokens_per_frame == 6 and quantized.tokens.shape == (2, 3, 2)
    torch.testing.assert_close(
        seen[0], nn.functional.adaptive_avg_pool2d(model.encoder(model.standardise(e)), (3, 2))
    )
    assert rebuilt.shape == e.shape
    torch.testing.assert_close(model.decode_frames(quantized.tokens.flatten(1)), rebuilt)
    whole = small().eval()
    whole.load_state_dict(model.state_dict())
    rows, columns = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 1, 1])  # the nearest token of each cell
    spread = quantized.tokens[:, rows][:, :, columns]
    torch.testing.assert_close(whole.decode(spread), rebuilt)
    with pytest.raises(ConfigError, match="Tokens of 3x5 cannot be averaged from a grid of 4x4"):
        small(tokens=(3, 5))
