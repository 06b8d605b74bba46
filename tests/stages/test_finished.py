"""When a phase is called finished: by what decides its weights, and not by how it is watched and fed."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from signvip import processes
from signvip.config import BOOKKEEPING
from signvip.progress import Silent
from signvip.run import Run
from signvip.stages import Loop
from signvip.stages.steps import IMAGE, MOTION, TEXT, TOKENS, VAE


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
