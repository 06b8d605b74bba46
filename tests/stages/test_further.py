"""Training that goes on from another run: what it begins with, what it keeps, and what it refuses."""

from __future__ import annotations

import shutil

import pytest
import torch
from small import make_shards, small_config

from signvip.config import parse_config
from signvip.errors import ConfigError, MismatchError, RunError
from signvip.models import TokenTranslator
from signvip.models.precision import halve
from signvip.models.seen_texts import Seen
from signvip.pipeline import SignVipPipeline
from signvip.progress import Silent
from signvip.run import Run, find_run
from signvip.settings import merge
from signvip.stages import train
from signvip.stages.derive import tokenize
from signvip.stages.further import networks_of
from signvip.stages.parts import load_tokenizer
from signvip.storage import fits

STILL = {"learning_rate": 1e-12, "steps": 1}  # what is trained so stays as it began
VIDEO = ("condition_encoder", "guider", "reference_net", "denoiser")
FROZEN = {"phases": ["vae", "image", "motion"], "encoder": "frozen", "image": STILL, "motion": STILL}


class Heard(Silent):
    def __init__(self):
        self.told = []

    def say(self, text):
        self.told.append(text)


@pytest.fixture
def further(trained, tmp_path):
    """Train a stage on from the small run: further(stage, **changes) gives the new run and what was said."""

    def go(stage, name="new", source=trained.run, shards=trained.shards, **changes):
        changes = merge(
            {
                "start": {"run": str(source)},
                "stage1": FROZEN,
                "stage2": STILL,
                "stage2_poses": STILL,
                "stage3": STILL,
            },
            changes,
        )
        config = parse_config(merge(trained.config.model_dump(mode="json"), changes))
        heard = Heard()
        train(config, stage, shards=shards, run=tmp_path / name, reporter=heard)
        return Run.open(tmp_path / name), heard.told

    return go


def weights(run):
    return {part: network.state_dict() for part, network in networks_of(run)}


def equal(left, right):
    return left.keys() == right.keys() and all(
        torch.allclose(left[name].float(), right[name].float(), atol=1e-6) for name in left
    )


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_every_network_begins_as_it_is_there_and_the_others_stay_so(further, trained, stage):
    run, told = further(stage, seed=7)
    before, after = weights(Run.open(trained.run)), weights(run)
    assert before.keys() == after.keys() and len(before) >= 7
    assert [part for part in before if not equal(before[part], after[part])] == []
    assert f"Goes on from {trained.run}" in told[0]
    fits.refuse_misfits(run.path)
    SignVipPipeline.from_pretrained(run.path)  # it can generate


def test_before_anything_is_trained_it_is_what_it_goes_on_from(further, trained, tmp_path):
    shards = tmp_path / "untokenized"
    make_shards(shards, trained.config, train=1, dev=1, test=1)
    with pytest.raises(RunError, match="has no tokens yet; first run: signvip tokenize"):
        further(3, shards=shards)
    first, second = (SignVipPipeline.from_pretrained(path) for path in (trained.run, tmp_path / "new"))
    place = {"_name_or_path": None}
    assert {**first.config, **place} == {**second.config, **place}
    assert equal(first.translator.state_dict(), second.translator.state_dict())


def test_it_does_not_begin_so_without_being_asked(further, trained):
    before = weights(Run.open(trained.run))
    run, _ = further(3)
    shutil.rmtree(run.path / "translator")
    anew, _ = further(3, start={"run": None}, seed=7)
    assert not equal(before["translator"], weights(anew)["translator"])


def test_training_moves_on_from_there(further, trained):
    run, _ = further(3, stage3={"learning_rate": 1e-3, "steps": 2})
    before, after = (weights(each)["translator"] for each in (Run.open(trained.run), run))
    moved = [
        float((before[name] - after[name]).abs().max()) for name in before if before[name].is_floating_point()
    ]
    assert 0 < max(moved) < 0.01  # two steps of Adam


def test_an_encoder_that_is_trained_on_leaves_tokens_that_do_not_fit(further):
    run, _ = further(1, stage1={"encoder": "trained", "image": {"learning_rate": 1e-2, "steps": 2}})
    with pytest.raises(MismatchError, match=r"autoencoder of .* was trained with another condition_encoder"):
        fits.refuse_misfits(run.path)


def test_another_quantizer_is_trained_in_its_own_stage(further):
    vq = {"quantizer": {"name": "vq", "codebook_size": 64}}
    run, _ = further(1, **vq)
    with pytest.raises(MismatchError, match="first run: signvip train --stage 2"):
        load_tokenizer(run)


def test_trained_afresh_it_begins_there_again(further, trained, tmp_path):
    moved, _ = further(3, stage3={"learning_rate": 1e-2, "steps": 2})
    train(
        parse_config(merge(moved.config.model_dump(mode="json"), {"stage3": STILL})),
        3, shards=trained.shards, run=moved.path, resume=False,
    )  # fmt: skip
    assert equal(weights(Run.open(trained.run))["translator"], weights(Run.open(moved.path))["translator"])


def test_another_source_trains_again(further, trained, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(trained.run, other)
    further(3)
    _, told = further(3, source=other)
    assert any("trained with other options" in line for line in told)


@pytest.mark.parametrize(
    ("stage", "part", "changes"),
    [
        (1, "reference_net", {"denoiser": {"layers_per_block": 2}}),
        (1, "guider", {"guider": {"injection": "down_blocks"}}),
        (1, "condition_encoder", {"condition_encoder": {"channels": [8, 4]}}),
        (2, "autoencoder", {"autoencoder": {"block_out_channels": [8, 8, 16]}}),
        (2, "pose_head", {"pose_head": {"block_out_channels": [8, 8]}}),
        (3, "translator", {"translator": {"layers": 2}}),
    ],
)
def test_networks_that_do_not_fit_are_refused_before_anything_is_written(
    further, stage, part, changes, tmp_path
):
    with pytest.raises(ConfigError, match=rf"The {part} of .* does not fit .* start\.run=null"):
        further(stage, **changes)
    assert not list((tmp_path / "new").glob("*/"))


def test_a_vae_of_another_kind_is_refused(further):
    with pytest.raises(MismatchError, match="was trained with another vae"):
        further(1, vae={"latent_channels": 8})


def test_what_is_missing_there_is_said_and_begins_with_random_weights(further, trained, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(trained.run, source)
    shutil.rmtree(source / "pose_head")
    run, told = further(2, source=source)
    assert run.has("pose_head")
    assert any(f"{source} has no pose_head" in line for line in told)


def test_a_run_that_there_is_not(further, tmp_path):
    with pytest.raises(RunError, match=r"There is no run in .*nowhere, from which this one goes on"):
        further(3, source=tmp_path / "nowhere")


def test_texts_of_both_trainings_are_known(further, trained, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(trained.run, source)
    translator = Run.open(source).load("translator", TokenTranslator)
    seen = {"unit": "words", "languages": {"zzz": {"units": "moon star", "longest": 2}}}
    translator.register_to_config(seen=seen)
    Run.open(source).save("translator", translator)
    run, _ = further(3, source=source)
    found = Seen.read(run.load("translator", TokenTranslator).config["seen"])
    assert set(found.languages) == {"qaa", "zzz"}
    assert found.languages["zzz"].units == "moon star"


@pytest.mark.parametrize(("unit", "joined"), [("words", "a b c"), ("letters", "abc")])
def test_texts_of_one_language_are_joined(unit, joined):
    first, second = (
        Seen.of([("qaa", text)], unit) for text in (("a b", "b c a") if unit == "words" else ("ab", "bca"))
    )
    found = second.after(first).languages["qaa"]
    assert (found.units, found.longest) == (joined, 3)
    assert first.after(second) == second.after(first)


def test_published_weights_cannot_be_named_beside_a_run():
    with pytest.raises(ConfigError, match=r"run names all weights, and unet names"):
        small_config(start={"run": "embedded", "unet": "somewhere"})


def test_the_embedded_model_has_a_name(tmp_path, monkeypatch):
    assert (find_run("embedded") / "model_index.json").is_file()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "embedded").mkdir()
    assert find_run("embedded").resolve() == tmp_path / "embedded"  # a folder of that name comes first


def test_tokens_that_the_source_made_are_those_of_the_new_run(further, trained, tmp_path):
    """Of a source in half precision too, whose parts are taken as they are, and after its images were trained on."""
    source, shards = tmp_path / "source", tmp_path / "shards"
    shutil.copytree(trained.run, source)
    fits.forget(source)
    for part, network in networks_of(Run.open(source)):
        halve(network)
        network.save_pretrained(source / part)
    shutil.copytree(trained.shards, shards)
    tokenize(shards, shards, run=source)
    further(1, source=source, stage1={"image": {"learning_rate": 1e-3}})
    run, _ = further(3, source=source, shards=shards)
    assert [part for part in fits.TRAINED_WITH if fits.misfit(run.path, part)] == []


def test_tokens_of_an_autoencoder_that_was_trained_on_are_to_be_made_again(further):
    changed = {"stage2": {"learning_rate": 1e-2, "steps": 2}}
    further(2, **changed)
    with pytest.raises(MismatchError, match="signvip tokenize"):
        further(3, **changed)
