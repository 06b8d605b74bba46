"""The contract of denoisers: kept by those that come with SignViP and by the example, and told where one breaks it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from pydantic import ConfigDict
from signvip_denoisers.animatediff import AnimateDiff
from torch import nn

import signvip
from signvip.testing import check_denoiser

FILE = Path(__file__).parents[2] / "plugins" / "signvip-transformer" / "signvip_transformer.py"
SPEC = importlib.util.spec_from_file_location("signvip_transformer_tried", FILE)
EXAMPLE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(EXAMPLE)
SMALL = {"width": 16, "layers": 1, "heads": 2}
RELEASE = {
    "cross_attention_dim": 8, "prompt_tokens": 5, "motion_mid_block": True, "motion_norm": "frame",
    "reference_net": {"timestep": "sampler", "features": "attention_input", "keeps": "last_norm"},
    "guider": {"injection": "down_blocks"},
}  # fmt: skip


class Sound(EXAMPLE.Transformer):
    """A denoiser that each test below spoils in one way."""


class OtherChannels(Sound):
    def __init__(self, config, channels, embedding_channels):
        super().__init__(config, channels, embedding_channels)
        self.channels = channels + 1


class SeesNoReference(Sound):
    def predict(self, noisy, timestep, guide, reference, cache=None):
        return super().predict(noisy, timestep, guide, None)


class MixesUpClips(Sound):
    def predict(self, noisy, timestep, guide, reference, cache=None):
        if reference is not None:
            reference = reference.repeat(len(noisy) // len(reference), 1, 1, 1)
        return super().predict(noisy, timestep, guide, reference)


class Rounds(Sound):
    def predict(self, noisy, timestep, guide, reference, cache=None):
        made = super().predict(noisy, timestep, guide, reference)
        return made.to(self.enter.weight.dtype)


class MovesAtOnce(Sound):
    def with_motion(self):
        video = super().with_motion()
        nn.init.normal_(video.motion[0].linear2.bias)
        return video


class MovesItself(Sound):
    def with_motion(self):
        nn.init.zeros_(self.leave[1].weight)
        return super().with_motion()


class LearnsTwice(Sound):
    def phases(self):
        return {"image": list(self.parameters()), "motion": list(self.motion.parameters())}


class NamesOtherPhases(Sound):
    def phases(self):
        return {"images": list(self.parameters()), "motion": []}


class Frozen(Sound):
    def predict(self, noisy, timestep, guide, reference, cache=None):
        made = super().predict(noisy, timestep, guide, reference)
        return made.detach() + 0 * self.leave[1].bias.sum()


class TakesNoCache(Sound):
    def predict(self, noisy, timestep, guide, reference):
        return super().predict(noisy, timestep, guide, reference)


class ReadsAnEmptyCache(Sound):
    def predict(self, noisy, timestep, guide, reference, cache=None):
        made = super().predict(noisy, timestep, guide, reference)
        return made if cache is None else 0 * made


class ExchangesHalves(Sound):
    def predict_both(self, noisy, timestep, guide, reference, cache=None):
        return tuple(self.predict(noisy, timestep, guide, read) for read in (reference, None))


class Changes(Sound):
    def guide(self, e):
        return super().guide(e.clamp_(-1, 1))


class Forgets(Sound):
    def __init__(self, config, channels, embedding_channels):
        super().__init__(config, channels, embedding_channels)
        self.bias = torch.randn(channels, 1, 1)

    def predict(self, noisy, timestep, guide, reference, cache=None):
        return super().predict(noisy, timestep, guide, reference) + self.bias.to(noisy.dtype)


class StoresElsewhere(Sound):
    stores = {"unet": nn.Conv2d}  # noqa: RUF012


class Lenient(Sound):
    class Config(EXAMPLE.Transformer.Config):
        model_config = ConfigDict(extra="allow")


@pytest.mark.parametrize("options", [{}, SMALL, {**SMALL, "patch": 3}], ids=["default", "small", "patches"])
def test_the_example_keeps_it(options):
    check_denoiser(EXAMPLE.Transformer, **options)


@pytest.mark.parametrize("options", [{"reference_concat": True}, RELEASE], ids=["reference", "release"])
def test_the_paper_s_keeps_it_with_other_options(options):
    check_denoiser(AnimateDiff, **{**AnimateDiff.small, **options})


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        (OtherChannels, "channels must be the number"),
        (SeesNoReference, "the same without the reference"),
        (MixesUpClips, "each serves as many neighbours"),
        (Rounds, "float32 for float32 latents"),
        (MovesAtOnce, "what the denoiser did before"),
        (MovesItself, "leave the denoiser that it is called of"),
        (LearnsTwice, "to two phases"),
        (NamesOtherPhases, "'image' and 'motion'"),
        (Frozen, "passes no gradient"),
        (TakesNoCache, "stops with TypeError"),
        (ReadsAnEmptyCache, "exact where its cache is empty"),
        (ExchangesHalves, "without, then with"),
        (Changes, "in place"),
        (Forgets, "same state_dict"),
        (StoresElsewhere, "must name 'denoiser'"),
        (Lenient, "refuse unknown options"),
    ],
)
def test_a_denoiser_that_breaks_it_is_told_how(cls, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_denoiser(cls, **SMALL)


def test_it_is_built_by_name_with_its_sizes_or_the_usual_ones():
    small = {name: value for name, value in AnimateDiff.small.items()}
    built = signvip.build("denoiser", "animatediff", channels=6, embedding_channels=8, **small)
    assert isinstance(built, signvip.Denoiser) and built.channels == 6
    assert signvip.build("denoiser", "animatediff", **small).channels == 4
    with pytest.raises(signvip.ConfigError, match="did you mean 'attention_heads'"):
        signvip.build("denoiser", "animatediff", attention_head=3)
