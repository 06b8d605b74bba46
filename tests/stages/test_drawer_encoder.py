"""An encoder of their own for pictures that poses guide: trained with them, while tokens keep theirs."""

from __future__ import annotations

import shutil

import pytest
import torch

from signvip.config import parse_config
from signvip.errors import ConfigError, RunError
from signvip.generate import GenerateOptions
from signvip.models import ConditionEncoder, PoseDrawer
from signvip.pipeline import SignVipPipeline
from signvip.run import Run
from signvip.settings import merge
from signvip.stages import stage1, train
from signvip.stages.parts import guiding_encoder
from signvip.storage import fits
from signvip_lab.evaluation.chain import Chain

BY_POSES = {"sampler": {"guided_by": "poses"}}


def further(trained, source, target, stage, **changes):
    """Train a stage in another run, which goes on from a first."""
    values = merge(
        Run.open(source).config.model_dump(mode="json"), {"start": {"run": str(source)}, **changes}
    )
    train(parse_config(values), stage, shards=trained.shards, run=target)
    return Run.open(target)


@pytest.fixture(scope="module")
def drawn(trained, tmp_path_factory):
    """A run that poses guide."""
    run = tmp_path_factory.mktemp("drawn") / "run"
    shutil.copytree(trained.run, run)
    train(
        parse_config(merge(trained.config.model_dump(mode="json"), BY_POSES)),
        2,
        shards=trained.shards,
        run=run,
    )
    return run


@pytest.fixture(scope="module")
def learned(drawn, trained, tmp_path_factory):
    """A run that goes on from it, whose pictures were trained with the encoder of its poses; and what motion saw."""
    target, seen = tmp_path_factory.mktemp("learned") / "run", []
    honest = stage1.VideoDiffusion

    def watched(config, encoder, denoiser):
        seen.append({name: weight.clone() for name, weight in encoder.state_dict().items()})
        return honest(config, encoder, denoiser)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage1, "VideoDiffusion", watched)
        changes = {"encoder": "drawer", "redraw": 1.0, "image": {"learning_rate": 1e-2}}
        return further(trained, drawn, target, 1, stage1=changes), seen


def equal(left, right):
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def test_the_encoder_of_tokens_stays_and_that_of_poses_learns(learned, drawn):
    run, _ = learned
    before = Run.open(drawn)
    for part in ("condition_encoder", "autoencoder", "translator", "pose_head"):
        assert run.fingerprint(part) == before.fingerprint(part)
    old, new = (each.load("pose_drawer", PoseDrawer) for each in (before, run))
    assert (old.learned, new.learned) == (False, True)
    moved = [
        not torch.equal(left, right) for left, right in zip(old.parameters(), new.parameters(), strict=True)
    ]
    assert all(moved)
    fits.refuse_misfits(run.path)


def test_motion_is_trained_with_what_guides_the_pictures(learned):
    run, (images, motion) = learned
    own = run.load("pose_drawer", PoseDrawer).condition_encoder.state_dict()
    assert equal(motion, own) and not equal(images, own)  # images began with another
    assert equal(guiding_encoder(run).state_dict(), own)


def test_nothing_but_poses_can_guide_it(learned):
    run, _ = learned
    pipe = SignVipPipeline.from_pretrained(run.path)
    assert pipe.config.guided_by == "poses"
    with pytest.raises(RunError, match="nothing else can guide them"):
        SignVipPipeline.from_pretrained(run.path, guided_by="tokens")


def test_true_conditions_guide_by_the_same_encoder(learned, trained):
    run, _ = learned
    chain = Chain.open(run.path, trained.shards, "test", GenerateOptions())
    conditions = chain.clips.conditions(0)[:2]
    with torch.no_grad():
        expected = guiding_encoder(run).eval()(conditions.float() / 127.5 - 1)
        tokens = run.load("condition_encoder", ConditionEncoder).eval()(conditions.float() / 127.5 - 1)
    torch.testing.assert_close(chain.guidance(conditions), expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(chain.embed(conditions), tokens, rtol=1e-5, atol=1e-7)
    assert not torch.equal(expected, tokens)


def test_stage_2_leaves_it(learned, trained, tmp_path):
    run, _ = learned
    copy = tmp_path / "copy"
    shutil.copytree(run.path, copy)
    train(run.config, 2, shards=trained.shards, run=copy)
    assert Run.open(copy).fingerprint("pose_drawer") == run.fingerprint("pose_drawer")


def test_a_new_encoder_of_the_run_outlives_it(learned, trained, tmp_path):
    run, _ = learned
    anew = further(trained, run.path, tmp_path / "anew", 1, stage1={"encoder": "trained"})
    assert fits.misfit(anew.path, "pose_drawer") == "condition_encoder"
    own = anew.load("condition_encoder", ConditionEncoder).state_dict()
    assert equal(guiding_encoder(anew).state_dict(), own)


def test_frozen_it_guides_images_that_are_trained_on(learned, trained, tmp_path):
    run, _ = learned
    on = further(trained, run.path, tmp_path / "on", 1, stage1={"encoder": "frozen"})
    assert on.fingerprint("pose_drawer") == run.fingerprint("pose_drawer")
    assert equal(guiding_encoder(on).state_dict(), guiding_encoder(run).state_dict())


def test_a_run_that_tokens_guide_has_no_such_encoder(trained, tmp_path):
    with pytest.raises(ConfigError, match=r"sampler\.guided_by=poses first"):
        further(trained, trained.run, tmp_path / "run", 1, stage1={"encoder": "drawer"})
