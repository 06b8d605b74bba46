"""What each phase trains and what it leaves to the last bit (sections 3.3 and 3.4)."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
import torch
from diffusers import AutoencoderKL
from small import make_shards, small_config

from signvip.errors import RunError
from signvip.models import Autoencoder, ConditionEncoder
from signvip.models.vae import encode_images
from signvip.run import Run
from signvip.stages import Loop, train
from signvip.stages.clips import Clips
from signvip.stages.derive import tokenize

EVEN = {"steps": 3, "clips": 2, "schedule": "constant", "warmup": 0, "ema": 0.0}
PHASES = ("stage1-vae", "stage1-image", "stage1-motion", "stage2", "stage3")


def chain(run, shards, monkeypatch, stages, **stage1):
    """Train small stages; of each phase, the weights of its module before and after, and the run's parts by then."""
    quiet = {**EVEN, "frames": 1}
    config = small_config(
        stage1={"reference_dropout": 0.0, "vae": quiet, "image": quiet, "motion": {**EVEN, "frames": 4}, **stage1},
        stage2=EVEN, stage3={**EVEN, "frames": 40},
    )  # fmt: skip
    seen, original = {}, Loop.run_phase

    def watched(self, opened, key, phase, training):
        before = copy_of(phase.module)
        original(self, opened, key, phase, training)
        seen[key.name] = SimpleNamespace(before=before, after=copy_of(phase.module), phase=phase)

    monkeypatch.setattr(Loop, "run_phase", watched)
    parts = ("vae", "condition_encoder", "guider", "reference_net", "denoiser", "autoencoder")
    prints = []
    for stage in stages:
        train(config, stage, shards=shards, run=run)
        prints.append({part: Run.open(run).fingerprint(part) for part in parts})
        if stage == 2:
            tokenize(shards, shards, run=run)
    return SimpleNamespace(phases=seen, prints=prints, run=Run.open(run), shards=shards)


def copy_of(module):
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    shards = make_shards(folder / "shards", small_config(), train=3, dev=1, test=1)
    with pytest.MonkeyPatch.context() as patch:
        return chain(folder / "run", shards, patch, [1, 2, 3])


def moved(phase):
    """Names of the weights that a phase changed, and of all others."""
    changed = {name for name, weight in phase.after.items() if not torch.equal(weight, phase.before[name])}
    return changed, set(phase.after) - changed


def of_part(names, part):
    return {name for name in names if f"{part}." in name}


def is_motion(name):
    return "motion_modules" in name


def test_the_image_phase_trains_all_four_networks(trained):
    changed, kept = moved(trained.phases["stage1-image"])
    for part in ("encoder", "guider", "reference_net", "denoiser"):
        assert len(of_part(changed, f"nets.{part}")) > 0.9 * len(of_part(changed | kept, f"nets.{part}")) > 0


def test_the_motion_phase_trains_temporal_attention_alone(trained):
    changed, kept = moved(trained.phases["stage1-motion"])
    assert not [name for name in changed if not is_motion(name)]
    for part in ("guider", "denoiser"):
        own = {name for name in of_part(changed | kept, f"nets.{part}") if is_motion(name)}
        assert own and len(own & changed) > 0.9 * len(own)
    assert of_part(kept, "nets.encoder") and of_part(kept, "nets.reference_net")


def test_the_motion_phase_begins_with_what_the_image_phase_left(trained):
    image, motion = (trained.phases[f"stage1-{name}"] for name in ("image", "motion"))
    shared = [name for name in image.after if name in motion.before]
    assert len(shared) == len(image.after)
    assert all(torch.equal(image.after[name], motion.before[name]) for name in shared)


def test_the_autoencoder_and_the_translator_train_whole(trained):
    for name in ("stage1-vae", "stage2", "stage3"):
        changed, kept = moved(trained.phases[name])
        assert len(changed) > 0.85 * len(changed | kept)


def test_no_stage_touches_what_the_ones_before_it_trained(trained):
    first, second, third = trained.prints
    for part in ("vae", "condition_encoder", "guider", "reference_net", "denoiser"):
        assert first[part] == second[part] == third[part]
    assert second["autoencoder"] == third["autoencoder"] != first["autoencoder"]


@pytest.fixture(scope="module")
def as_authors(trained, tmp_path_factory):
    """Both phases with choices of the authors' code."""
    run = tmp_path_factory.mktemp("authors")
    shutil.copytree(trained.run.path / "vae", run / "vae")
    options = {"denoiser": "frozen", "blackout": 0.5, "phases": ["image", "motion"]}
    with pytest.MonkeyPatch.context() as patch:
        return chain(run, trained.shards, patch, [1], **options)


def test_a_frozen_denoiser_stays_as_it_starts_while_the_rest_learns(as_authors):
    """In the authors' code: its spatial weights are Stable Diffusion's to the end."""
    found = as_authors
    changed, kept = moved(found.phases["stage1-image"])
    assert not of_part(changed, "nets.denoiser") and of_part(kept, "nets.denoiser")
    for part in ("encoder", "guider", "reference_net"):
        assert len(of_part(changed, f"nets.{part}")) > 0.9 * len(of_part(changed | kept, f"nets.{part}")) > 0
    changed, _ = moved(found.phases["stage1-motion"])
    assert of_part(changed, "nets.denoiser") and all(is_motion(name) for name in changed)


@pytest.fixture(scope="module")
def trained_on(tmp_path_factory):
    """An image phase, and another one of the same run that leaves its encoder as it is."""
    folder = tmp_path_factory.mktemp("on")
    shards = make_shards(folder / "shards", small_config(), train=3, dev=1, test=1)
    with pytest.MonkeyPatch.context() as patch:
        first = chain(folder / "run", shards, patch, [1], phases=["vae", "image"])
    options = {"encoder": "frozen", "reference_dropout": 0.5, "phases": ["image", "motion"]}
    with pytest.MonkeyPatch.context() as patch:
        return first, chain(folder / "run", shards, patch, [1], **options)


def test_a_frozen_encoder_is_the_runs_own_and_its_denoiser_is_trained_on(trained_on):
    """So that tokens that were made of its embeddings still fit."""
    before, after = trained_on[0].prints[0], trained_on[1].prints[0]
    assert before["condition_encoder"] == after["condition_encoder"]
    left, found = trained_on[0].phases["stage1-image"].after, trained_on[1].phases["stage1-image"]
    assert {name for name, weight in found.before.items() if not torch.equal(left[name], weight)} == set()
    changed, kept = moved(found)
    assert of_part(kept, "nets.encoder") and not of_part(changed, "nets.encoder")
    for part in ("guider", "reference_net", "denoiser"):
        assert len(of_part(changed, f"nets.{part}")) > 0.9 * len(of_part(changed | kept, f"nets.{part}")) > 0
    assert found.phase.idle  # a step without a reference gives none to what reads it


def test_images_are_not_trained_on_under_a_motion_that_was_trained_on_them(trained_on):
    run, shards = trained_on[1].run, trained_on[1].shards
    config = small_config(stage1={"encoder": "frozen", "phases": ["image"], "image": {"steps": 9}})
    with pytest.raises(RunError, match="has motion, which was trained on the image weights"):
        train(config, 1, shards=shards, run=run.path)


def test_conditions_are_blacked_out_in_the_image_phase_alone(as_authors):
    """In the authors' code: motion is to follow conditions that are all there."""
    black = {name: black_share(seen.phase) for name, seen in as_authors.phases.items()}
    assert black["stage1-image"] == pytest.approx(0.5, abs=0.25)
    assert black["stage1-motion"] == 0


def black_share(phase):
    """The share of conditions without a stroke, over frames of a few batches."""
    drawn = torch.cat([phase.batch(index)["conditions"].flatten(0, 1) for index in range(8)])
    kinds = drawn.unflatten(1, (-1, 3)).flatten(2)  # (frames, K, pixels)
    return float((kinds == 0).all(-1).float().mean())


def test_the_vae_leaves_its_phase_with_whitened_latents(trained):
    clips = Clips(trained.shards, "train", trained.run.config)
    frames = torch.cat([clips.frames(clip, range(clips.info(clip)["frames"])) for clip in range(len(clips))])
    latents = encode_images(trained.run.load("vae", AutoencoderKL), frames.float() / 127.5 - 1)[0]
    flat = latents.transpose(0, 1).flatten(1)
    assert flat.mean(1).abs().max() < 0.3
    torch.testing.assert_close(torch.cov(flat), torch.eye(4), atol=0.5, rtol=0)


@torch.no_grad()
def test_stage_2_compresses_the_embeddings_of_the_encoder_that_stage_1_trained(trained):
    encoder = trained.run.load("condition_encoder", ConditionEncoder)
    autoencoder = trained.run.load("autoencoder", Autoencoder)
    clips = Clips(trained.shards, "train", trained.run.config)
    drawn = torch.cat([clips.conditions(clip) for clip in range(len(clips))])
    e = encoder(drawn.float() / 127.5 - 1).transpose(0, 1).flatten(1)  # (C, all places)
    assert ((autoencoder.mean - e.mean(1)).abs() < 0.1 * e.std(1)).all()
    torch.testing.assert_close(autoencoder.std, e.std(1), rtol=0.1, atol=1e-3)
