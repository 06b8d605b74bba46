"""The numbers of section 4.1 and appendix B, as the paper's presets hold them, and the choices of the authors' code."""

from __future__ import annotations

import pytest

from signvip.config import load_config
from signvip.footprint.parameters import meta_networks
from signvip.settings import option

PAPER = {
    "sampler.prediction": "epsilon",  # Eq. 5
    "sampler.steps": 50,
    "sampler.guidance": 3.5,
    "stage1.augmentation": 0.001,
    "stage1.reference_dropout": 0.1,  # so that the half without a reference has been trained
    "stage1.image.clips": 2,
    "stage1.motion.clips": 2,
    "stage1.image.learning_rate": 1e-5,
    "stage1.motion.learning_rate": 1e-5,
    "stage1.denoiser": "trained",
    "stage2.clips": 16,
    "stage2.steps": 50_000,
    "stage2.learning_rate": 5e-5,
    "stage3.clips": 16,
    "stage3.steps": 50_000,
    "quantizer.levels": [5, 5, 5, 5],
    "quantizer.bound": "sigmoid",  # Eq. 2
    "translator.sampling_rate": 0.4,
    "reference_net.features": "attention_output",
}
CODE = {
    "stage1.denoiser": "frozen",
    "stage1.blackout": 0.1,
    "stage1.image.frames": 4,
    "stage1.image.stride": 2,
    "stage1.motion.frames": 24,
    "stage1.motion.stride": 2,
    "quantizer.bound": "tanh",
    "reference_net.features": "attention_input",
    "reference_net.timestep": "sampler",
    "translator.eos_rule": "any",
    "stage3.learning_rate": 2e-4,
}


@pytest.mark.parametrize("corpus", ["rwth", "how2sign"])
@pytest.mark.parametrize(("suffix", "numbers"), [("", PAPER), ("-release", CODE)], ids=["paper", "code"])
def test_presets_hold_what_was_published(corpus, suffix, numbers):
    values = load_config(corpus + suffix).model_dump(mode="json")
    assert {key: option(values, key) for key in numbers} == numbers


@pytest.mark.parametrize("corpus", ["rwth", "how2sign"])
def test_the_two_phases_of_stage_1_share_fifty_thousand_steps(corpus):
    stage = load_config(corpus).stage1
    assert stage.image.steps + stage.motion.steps == 50_000


@pytest.mark.parametrize(
    ("preset", "size", "tokens"), [("rwth", (272, 224), 12), ("how2sign", (512, 512), 64)]
)
def test_frames_and_tokens_have_the_published_size(preset, size, tokens):
    config = load_config(preset)
    assert config.size == size
    tokenizer = meta_networks(config).autoencoder
    assert (tokenizer.tokens_per_frame, tokenizer.vocab_size) == (tokens, 625)
