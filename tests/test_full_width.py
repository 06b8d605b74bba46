"""The presets at their own size, without values: a step of every phase, and what `generate` computes.

On the meta device, in float32, forward and backward: shapes that do not fit and tensors on another device fail.
Autocast knows no meta device, so the precision of the presets is tried on fake tensors of the CPU, by its rules.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from meta import OneCard, ReadTexts, batch_on_the_cpu, on_known_steps, on_the_cpu, without_gradients
from small import make_shards, small_config
from torch._subclasses.fake_tensor import FakeTensorMode

from signvip.config import load_config
from signvip.pipeline import SignVipPipeline
from signvip.sampling.options import sampler_options
from signvip.sampling.sampler import make_scheduler
from signvip.stages.rehearsal import Rehearsal
from signvip.stages.vae import VaePhase
from signvip.stages.video import VideoPhase

PRESETS = ("tiny", "small", "rwth", "how2sign", "rwth-release", "how2sign-release")
FOLDED = (  # the VAE's other stem and norm, on crops, with its other losses
    "vae.block_out_channels=[48,96]",
    "vae.stem=pixel_unshuffle",
    "vae.norm=pixel",
    "vae.latent_channels=8",
    "stage1.vae.crops.size=64",
    "stage1.vae.edges=0.5",
    "stage1.vae.noise=[0.1,0.2]",
)
WORDS = 4


def rehearse(preset: str, *settings: str) -> Rehearsal:
    """A preset's phases; its text encoder is no part of a translator's weights, and is replaced."""
    rehearsal = Rehearsal(load_config(preset, settings=settings))
    prefix, options = rehearsal.moving.translator.network.prefix, rehearsal.config.translator.options
    if "/" in options.get("text_encoder", ""):
        prefix.encoder = ReadTexts(options["text_width"], WORDS)
    return rehearsal


shared = cache(rehearse)


def step(module, batch):
    with OneCard():
        loss, values = module(batch)
        assert loss.shape == () and loss.dtype == torch.float32
    loss.backward()
    assert {value.device.type for value in values.values()} <= {"meta"}


@pytest.mark.parametrize(
    "case", [("tiny",), ("small",), ("small", *FOLDED)], ids=["tiny", "small", "small-folded"]
)
def test_a_step_of_the_vae(case):
    rehearsal = shared(*case)
    step(rehearsal.vae, rehearsal.vae_batch(2))
    assert not list(without_gradients(rehearsal.vae))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_step_of_images_on_cached_latents(preset):
    rehearsal = shared(preset)
    step(rehearsal.image, rehearsal.video_batch(1, 1, cached=True))
    assert not list(without_gradients(rehearsal.image))


RECIPE = (
    "denoiser.reference_concat=true",
    "stage1.loss=sample",
    "stage1.timesteps=sigma",
    'stage1.region_weights={"hands":4,"face":2}',
    "stage1.pixels.weight=2",
    "sampler.prediction=v_prediction",
    "sampler.timestep_spacing=sigma",
)


@pytest.mark.parametrize(
    ("phase", "cached", "frozen"), [("image", True, False), ("motion", False, False), ("image", False, True)]
)
def test_a_step_with_all_options_that_the_presets_leave_off(phase, cached, frozen):
    """A frozen U-Net still learns to read the reference's latents, which it never saw."""
    rehearsal = rehearse("small", *RECIPE, f"stage1.denoiser={'frozen' if frozen else 'trained'}")
    module = getattr(rehearsal, phase)
    step(module, rehearsal.video_batch(1, 2, cached=cached))
    assert not list(without_gradients(module))
    learns = module.nets.denoiser.reference_in.weight.requires_grad
    assert learns == (phase == "image")


@pytest.mark.parametrize("preset", PRESETS)
def test_a_step_of_motion_on_frames(preset):
    rehearsal = shared(preset)
    step(rehearsal.motion, rehearsal.video_batch(1, 2, cached=False))
    assert not list(without_gradients(rehearsal.motion))


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("preset", PRESETS)
def test_a_step_of_tokens(preset, stored):
    rehearsal = shared(preset)
    step(rehearsal.tokens, rehearsal.tokens_batch(2, stored=stored))
    assert not list(without_gradients(rehearsal.tokens))


GROUPS = ("autoencoder.groups=body+hands", "stage2.hand_weight=4", "translator.prediction=digits")


@pytest.mark.parametrize("preset", ["tiny", "rwth"])
def test_steps_with_tokens_of_body_and_hands_and_their_digits(preset):
    rehearsal = rehearse(preset, *GROUPS)
    step(rehearsal.tokens, rehearsal.tokens_batch(2, stored=True))
    assert not list(without_gradients(rehearsal.tokens))
    step(rehearsal.text, rehearsal.text_batch(2, 3))


def test_from_tokens_of_body_and_hands_to_embeddings_in_half_precision():
    rehearsal = rehearse("rwth", *GROUPS)
    pipe = pipeline(rehearsal).to(torch.float16)
    with OneCard(reads=True):
        assert pipe.embed(rehearsal.tokens_of(9)).shape == rehearsal.embeddings(9).shape


@pytest.mark.parametrize("preset", PRESETS)
def test_a_step_of_poses(preset):
    rehearsal = shared(preset)
    step(rehearsal.poses, rehearsal.poses_batch(2, stored=True))
    assert not list(without_gradients(rehearsal.poses))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_step_of_texts(preset):
    rehearsal = shared(preset)
    step(rehearsal.text, rehearsal.text_batch(2, 3))
    assert not [name for name in without_gradients(rehearsal.text) if "encoder" not in name]


@pytest.mark.parametrize(
    "case",
    [("tiny",), ("small", *RECIPE), ("rwth",), ("rwth", *RECIPE), ("how2sign-release",), ("small", *FOLDED)],
    ids="-".join,
)  # each size and kind once
def test_from_tokens_to_pictures(case, monkeypatch):
    """Two windows with both halves of guidance; weights in half precision where the preset was made for a card."""
    monkeypatch.setattr(
        "signvip.sampling.sampler.check_known_answer", lambda *_: None
    )  # one step, to be quick
    rehearsal = rehearse(*case)
    pipe, frames = pipeline(rehearsal), rehearsal.config.sampler.window + 1
    if rehearsal.config.precision != "no":
        pipe.to(torch.float16)
    with OneCard(reads=True):
        e = pipe.embed(rehearsal.tokens_of(frames))
        assert e.shape == rehearsal.embeddings(frames).shape
        picture = np.zeros((*rehearsal.config.size, 3), np.uint8)
        latents = pipe.denoise(e, picture, num_inference_steps=1, guidance_scale=3.5)
        assert latents.shape == (frames, rehearsal.moving.vae.config["latent_channels"], *rehearsal.cells)
        (pixels,) = pipe.decode(latents[:1])
    assert pixels.shape == (1, 3, *rehearsal.config.size)


def pipeline(rehearsal: Rehearsal) -> SignVipPipeline:
    """The preset's pipeline as `generate` loads it."""
    config, networks = rehearsal.config, rehearsal.moving
    parts = {name: getattr(networks, name) for name in ("vae", "denoiser", "autoencoder", "translator")}
    scheduler = on_known_steps(make_scheduler("ddim", config.sampler))
    sizes = {"height": config.size[0], "width": config.size[1]}
    sampler = sampler_options(config.sampler) | {"window_batch": 2}
    return SignVipPipeline(**parts, scheduler=scheduler, **sizes, **sampler)


@pytest.mark.parametrize(
    ("phase", "preset"),
    [("motion", "rwth-release"), ("tokens", "how2sign"), ("poses", "how2sign"), ("text", "how2sign")],
)
def test_a_step_in_the_precision_of_the_preset(phase, preset):
    """That of videos runs all that the one of images does; types are the same in one layer as in two."""
    rehearsal = rehearse(preset, "denoiser.layers_per_block=1")
    batch = {
        "motion": lambda: rehearsal.video_batch(1, 2, cached=False),
        "tokens": lambda: rehearsal.tokens_batch(2, stored=False),
        "poses": lambda: rehearsal.poses_batch(2, stored=False),
        "text": lambda: rehearsal.text_batch(2, 3),
    }[phase]()
    half = {"fp16": torch.float16, "bf16": torch.bfloat16}[rehearsal.config.precision]
    module = getattr(rehearsal, phase)
    with FakeTensorMode(allow_non_fake_inputs=True):
        on_the_cpu(module)
        with torch.autocast("cpu", dtype=half):
            loss, _ = module(batch_on_the_cpu(batch))
    assert loss.dtype == torch.float32


def test_batches_are_those_of_the_phases(tmp_path):
    """By names, shapes and types, on shards with frames and drawings."""
    config = small_config(stage1={"region_weights": {"hands": 4.0}, "pixels": {"crops": {"size": 16}}})
    shards, rehearsal = make_shards(tmp_path, config, train=2, dev=1, test=1), Rehearsal(config)
    stage1, parts = config.stage1, rehearsal.moving
    real = {
        "vae": VaePhase(config, stage1.vae, shards).batch(0),
        "motion": VideoPhase(
            "stage1-motion", config, stage1.motion, shards, parts.vae, rehearsal.motion.nets, False
        ).batch(0),
    }
    own = {
        "vae": rehearsal.vae_batch(stage1.vae.clips * stage1.vae.frames),
        "motion": rehearsal.video_batch(stage1.motion.clips, stage1.motion.frames, cached=False),
    }
    for phase, batch in own.items():
        assert described(batch) == described({"step": 0, **real[phase]} if phase == "motion" else real[phase])


def described(batch):
    return {name: (value.shape, value.dtype) for name, value in batch.items() if torch.is_tensor(value)}
