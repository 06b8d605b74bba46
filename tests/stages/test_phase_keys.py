"""When a phase that was trained by an older version of this package is still today's."""

from __future__ import annotations

import json

import pytest

from signvip.config import load_config
from signvip.progress import Silent
from signvip.run import Run
from signvip.stages import Loop, PhaseKey

KEY = PhaseKey("stage1-image", ("size", "denoiser", "sampler", "stage1.denoiser"))


@pytest.fixture
def run(tmp_path):
    return Run(tmp_path, load_config("tiny"))


def without(stamp, *keys):
    values = json.loads(stamp)
    for key in keys:
        section, _, name = key.rpartition("/")
        del (values[section] if section else values)[name]
    return json.dumps(values)


def test_a_stamp_fits_itself_and_no_stamp_fits_nothing(run):
    assert KEY.fits(KEY.stamp(run), run)
    assert not KEY.fits(None, run)


def test_options_that_a_stamp_is_too_old_to_have_were_at_their_defaults(run):
    assert KEY.fits(without(KEY.stamp(run), "stage1.denoiser"), run)
    other = Run(run.path, load_config("tiny", settings=["stage1.denoiser=frozen"]))
    assert not KEY.fits(without(KEY.stamp(other), "stage1.denoiser"), other)
    # a noise schedule of another prediction than the default's, by a stamp that says nothing of it
    assert not KEY.fits(without(KEY.stamp(run), "sampler/prediction"), run)


def test_a_changed_option_does_not_fit(run):
    other = Run(run.path, load_config("tiny", settings=["sampler.beta_end=0.02"]))
    assert not KEY.fits(KEY.stamp(other), run)


def test_trainings_are_compared_with_newer_options_at_their_defaults(run):
    now = run.config.stage2.model_dump_json()
    old = json.dumps({k: v for k, v in json.loads(now).items() if k != "accumulation"})
    kind = type(run.config.stage2)
    assert KEY.training(old, kind) == KEY.training(now, kind)
    assert KEY.training(old, kind) != KEY.training(run.config.stage3.model_dump_json(), kind)


def test_options_that_a_note_is_too_old_to_have_were_at_their_defaults(run):
    """A phase that is half trained goes on, unless an option that it did not know has another value now."""
    old = PhaseKey("stage1-image", (), noted=("seed",))
    now = PhaseKey("stage1-image", (), noted=("seed", "stage1.loss"))
    training, loop = run.config.stage1.image, Loop(True, Silent())
    folder = run.phase(now.name)
    folder.mkdir(parents=True)
    (folder / "training.json").write_text(old.note(run, training))
    assert loop._same(run, now, training)
    other = Run(run.path, load_config("tiny", settings=["stage1.loss=sample"]))
    assert not loop._same(other, now, training)
