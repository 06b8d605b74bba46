"""When a phase is called finished: by what decides its weights, and not by how it is watched and fed."""

from __future__ import annotations

import os
import shutil
from types import SimpleNamespace

import pytest
from small import make_shards

from signvip.config import BOOKKEEPING
from signvip.progress import Silent
from signvip.run import Run
from signvip.stages import Loop, train
from signvip.stages.keys import IMAGE, MOTION, TEXT, TOKENS, VAE
from signvip.storage import processes


@pytest.fixture
def finished(trained):
    """Whether a finished phase counts as such with other options of its training."""
    run, loop = Run.open(trained.run), Loop(True, Silent())
    stage1 = trained.config.stage1
    own = {"vae": (VAE, stage1.vae), "image": (IMAGE, stage1.image), "motion": (MOTION, stage1.motion)}
    own |= {"tokens": (TOKENS, trained.config.stage2), "text": (TEXT, trained.config.stage3)}

    def ask(phase, **changes):
        key, training = own[phase]
        return loop.finished(run, key, training.model_copy(update=changes))

    return ask


@pytest.mark.parametrize("phase", ["vae", "image", "motion", "tokens", "text"])
def test_other_bookkeeping_does_not_train_again(finished, phase):
    assert finished(phase)
    assert finished(phase, **dict.fromkeys(BOOKKEEPING, 7))


@pytest.mark.parametrize(
    "change", [{"steps": 3}, {"learning_rate": 0.5}, {"clips": 9}, {"ema": 0.1}, {"frames": 3}]
)
@pytest.mark.parametrize("phase", ["image", "motion", "tokens", "text"])
def test_what_decides_the_weights_does(finished, phase, change):
    assert not finished(phase, **change)


@pytest.mark.parametrize(
    ("device", "cores", "processes_here", "expected"),
    [
        ("cpu", 64, 1, 1),
        ("cuda", 64, 1, 8),
        ("cuda", 4, 1, 3),
        ("cuda", 16, 4, 3),
        ("cuda", 1, 1, 1),
        ("cuda", 4, 8, 1),
    ],
)
def test_data_is_loaded_by_as_many_processes_as_there_are_cores_for(
    monkeypatch, device, cores, processes_here, expected
):
    monkeypatch.setattr(processes, "os", SimpleNamespace(environ=os.environ, cpu_count=lambda: cores))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes_here))
    assert processes.loaders(device) == expected


class Heard(Silent):
    def __init__(self):
        self.said = []

    def say(self, sentence):
        self.said.append(sentence)


def test_a_training_that_other_options_discard_stays_beside_the_new_one(trained, tmp_path, plain_shards):
    run, heard = shutil.copytree(trained.run, tmp_path / "run"), Heard()
    before = sorted(path.name for path in (run / "training/stage2").iterdir())
    slower = trained.config.stage2.model_copy(update={"learning_rate": 1e-5})
    train(
        trained.config.model_copy(update={"stage2": slower}), 2, shards=plain_shards, run=run, reporter=heard
    )
    aside = run / "training/stage2.before"
    assert sorted(path.name for path in aside.iterdir()) == before
    assert any(f"it starts again; what there was is in {aside}." in said for said in heard.said)
    assert (run / "training/stage2/done.json").is_file()


def test_other_clips_and_another_precision_are_said(trained, tmp_path, plain_shards):
    run = shutil.copytree(trained.run, tmp_path / "run")
    more = make_shards(tmp_path / "more", trained.config, train=5)
    in_half = trained.config.model_copy(update={"precision": "bf16"})
    heard = Heard()
    for shards, config in ((plain_shards, trained.config), (more, trained.config), (plain_shards, in_half)):
        loop = Loop(True, heard, shards)
        assert loop.finished(Run(run, config), TOKENS, config.stage2)
    same, clips, precision = heard.said
    assert "is trained already; --fresh" in same
    assert "is trained already, on other clips; --fresh" in clips
    assert "is trained already, in another precision; --fresh" in precision


def test_a_training_that_goes_on_with_other_clips_says_so_from_then_on(trained, tmp_path, plain_shards):
    run = shutil.copytree(trained.run, tmp_path / "run")
    more = make_shards(tmp_path / "more", trained.config, train=5)
    config = trained.config.model_copy(
        update={"stage2": trained.config.stage2.model_copy(update={"steps": 3})}
    )
    heard = Heard()
    train(config, 2, shards=more, run=run, reporter=heard)
    assert any("stage2 goes on from what was trained, on other clips; --fresh" in said for said in heard.said)
    heard.said.clear()
    train(config, 2, shards=more, run=run, reporter=heard)
    assert any("is trained already, on other clips" in said for said in heard.said)
