"""Contract tests over every installed plugin, and over plugins that break the contract."""

from __future__ import annotations

import sys

import pytest
import torch
from pydantic import ConfigDict
from torch import nn

import signvip
from signvip.errors import SignVipWarning
from signvip.registry import Registry
from signvip.testing import check_plugin, check_quantizer, required_options


@pytest.mark.parametrize("record", signvip.plugins(), ids=lambda record: f"{record.kind}-{record.name}")
def test_every_installed_plugin_keeps_its_contract(record):
    assert record.error is None
    if required_options(record):
        pytest.skip(f"needs {', '.join(required_options(record))}")
    assert check_plugin(record) is None


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("fsq", {"levels": [5, 5, 5, 5], "bound": "tanh"}),
        ("fsq", {"levels": [8, 5], "bound": "tanh"}),
        ("fsq", {"levels": [2, 3, 4]}),
        ("vq", {"codebook_size": 16, "codebook_dim": 3}),
        ("vq", {"codebook_size": 16, "kmeans_init": False}),
    ],
)
def test_quantizers_keep_the_contract_with_other_options(name, options):
    check_quantizer(type(signvip.build("quantizer", name, **options)), **options)


class Sound(nn.Module):
    """One bit per channel: a quantizer that each test below spoils in one way."""

    class Config(signvip.Config):
        channels: int = 3

    def __init__(self, config):
        super().__init__()
        self.dim, self.vocab_size = config.channels, 2**config.channels
        self.register_buffer("powers", 2 ** torch.arange(self.dim)[:, None, None], persistent=False)

    def forward(self, z):
        tokens = ((z > 0) * self.powers).sum(1)
        return signvip.Quantized(z + (self.decode(tokens) - z).detach(), tokens)

    def decode(self, tokens):
        return tokens[:, None] // self.powers % 2 * 2.0 - 1.0


class NoGradient(Sound):
    def forward(self, z):
        out = super().forward(z)
        return signvip.Quantized(out.codes.detach() + 0 * z, out.tokens)


class OutOfRange(Sound):
    def forward(self, z):
        out = super().forward(z)
        return signvip.Quantized(out.codes, out.tokens + 1)


class OtherCodes(Sound):
    def decode(self, tokens):
        return -super().decode(tokens)

    def forward(self, z):
        tokens = ((z > 0) * self.powers).sum(1)
        return signvip.Quantized(z + (Sound.decode(self, tokens) - z).detach(), tokens)


class FloatTokens(Sound):
    def forward(self, z):
        out = super().forward(z)
        return signvip.Quantized(out.codes, out.tokens.float())


class SwapsTokens(Sound):
    def forward(self, z):
        tokens = self.vocab_size - 1 - ((z > 0) * self.powers).sum(1)
        return signvip.Quantized(z + (self.decode(tokens) - z).detach(), tokens)


class Forgets(Sound):
    def __init__(self, config):
        super().__init__(config)
        self.bias = torch.randn(self.dim, 1, 1)

    def forward(self, z):
        return super().forward(z + self.bias)


class Changes(Sound):
    def forward(self, z):
        with torch.no_grad():
            z.clamp_(-1, 1)
        return super().forward(z)


class Lenient(Sound):
    class Config(signvip.Config):
        model_config = ConfigDict(extra="allow")
        channels: int = 3


class OtherDim(Sound):
    def __init__(self, config):
        super().__init__(config)
        self.dim += 1


class GivesTuple(Sound):
    def forward(self, z):
        out = super().forward(z)
        return out.codes, out.tokens


class DecodesNothing(Sound):
    decode = None


class SeesTheBatch(Sound):
    def forward(self, z):
        return super().forward(z - 0.5 * z.mean(0, keepdim=True))


class TakesNoConfig(Sound):
    def __init__(self):
        super().__init__(self.Config())


def test_the_sound_quantizer_passes():
    check_quantizer(Sound)


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (NoGradient, "passes no gradient to z"),
        (OutOfRange, "token outside"),
        (OtherCodes, "must equal the codes"),
        (FloatTokens, "must be integers"),
        (SwapsTokens, "must be t"),
        (Forgets, "same state_dict|must be t"),
        (Changes, "in place"),
        (Lenient, "refuse unknown options"),
        (OtherDim, "OtherDim stops with RuntimeError"),
        (GivesTuple, "must return signvip.Quantized"),
        (DecodesNothing, r"has no decode\(\)"),
        (SeesTheBatch, "alone and in a batch"),
        (TakesNoConfig, "TakesNoConfig stops with TypeError"),
    ],
)
def test_a_quantizer_that_breaks_its_contract_is_told_how(cls, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_quantizer(cls)


def test_checks_leave_the_random_state_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    check_quantizer(Sound)
    assert torch.equal(before, torch.get_rng_state())


def test_a_translator_is_built_by_name_with_its_sizes():
    built = signvip.build("translator", "gpt2", tokens_per_frame=4, vocab_size=9, layers=1, width=16, heads=2)
    assert len(built.generate(["rain"], max_frames=2)) == 1
    with pytest.raises(signvip.ConfigError, match="also give vocab_size"):
        signvip.build("translator", "gpt2", tokens_per_frame=4)


def test_a_plugin_that_fails_to_log_is_named_once_and_others_are_told():
    class Broken:
        @signvip.hookimpl
        def on_log(self, stage, step):
            sys.exit(f"no {stage}")

    class Heard:
        @signvip.hookimpl
        def on_log(self, values, step):
            told.append((step, values.pop("loss")))

    told, found, values = [], Registry([]), {"loss": 1.0}
    for plugin in (Heard(), Broken(), Heard()):
        found.manager.register(plugin, name=f"{type(plugin).__name__}-{id(plugin)}")
    with pytest.warns(
        SignVipWarning, match=r"Broken-\d+ failed to log step 3 of stage2 \(SystemExit: no stage2\)"
    ):
        found.log("stage2", 3, values)
    found.log("stage2", 4, values)
    assert told == [(3, 1.0), (3, 1.0), (4, 1.0), (4, 1.0)] and values == {"loss": 1.0}
