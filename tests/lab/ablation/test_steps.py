"""Which steps cells share, and what is taken from a run."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import small_config

from signvip.errors import RunError
from signvip_lab.ablation.axes import parse_axis
from signvip_lab.ablation.grid import make_cells
from signvip_lab.ablation.runner import make_plan
from signvip_lab.ablation.trainings import last_stage


@pytest.fixture
def ids(trained, tmp_path):
    """For some axes: the ids of the steps of each cell, by kind, in a whole run."""

    def make(*axes, source=None, stage=3, **changes):
        cells = make_cells(small_config(**changes), [parse_axis(text) for text in axes])
        plan = make_plan(cells, trained.shards, tmp_path, stage, source=source)
        return [{step.kind.name: step.id for step in steps} for steps in plan.steps]

    return make


@pytest.mark.parametrize(
    ("axis", "own"),
    [
        ("seed=0,1", ["vae", "video", "tokens", "text"]),
        ("stage1.vae.steps=2,3", ["vae", "video", "tokens", "text"]),
        ("augmentation=0,0.5", ["video", "tokens", "text"]),
        ("conditions=pose,hand3d", ["video", "tokens", "text"]),
        ("sampler.beta_end=0.1,0.2", ["video", "tokens", "text"]),
        ("quantizer=fsq,vq", ["tokens", "text"]),
        ("stage2.steps=2,3", ["tokens", "text"]),
        ("sampling=0,0.4", ["text"]),
        ("steps=1,2", []),
        ("stage2.log_every=1,5", []),
        ("stage1.image.checkpoint_every=1,5", []),
    ],
)
def test_cells_share_what_their_axis_leaves_alone(ids, axis, own):
    first, second = ids(axis)
    assert [kind for kind in first if first[kind] != second[kind]] == own


def test_other_clips_make_other_steps_and_encoding_them_does_not(trained, ids, tmp_path, monkeypatch):
    from signvip.data.manifest import Manifest

    (before,) = ids("seed=0")
    manifest = Manifest.read(trained.shards)
    monkeypatch.setattr(Manifest, "read", lambda folder: manifest.with_fingerprint("vae", "other"))
    assert ids("seed=0") == [before]
    monkeypatch.setattr(Manifest, "read", lambda folder: manifest.model_copy(update={"fps": 25.0}))
    assert not set(ids("seed=0")[0].values()) & set(before.values())


@pytest.mark.parametrize(
    ("axis", "stage"),
    [
        ("quantizer=fsq,vq", 2),
        ("codebook=128", 2),
        ("augmentation=0,1", 1),
        ("sampling=0,1", 3),
        ("steps=1,2", 3),
        ("seed=0,1", 3),
    ],
)
def test_the_last_stage_is_the_last_that_changes(axis, stage):
    assert last_stage(make_cells(small_config(), [parse_axis(axis)]), small_config()) == stage


def given(trained, tmp_path, *axes, **changes):
    cells = make_cells(small_config(**changes), [parse_axis(text) for text in axes])
    plan = make_plan(cells, trained.shards, tmp_path, 3, source=trained.run)
    assert len({tuple(step.given is None for step in steps) for steps in plan.steps}) == 1
    return [step.kind.name for step in plan.steps[0] if step.given is not None]


def test_a_run_gives_what_no_cell_changes(trained, tmp_path):
    assert given(trained, tmp_path, "quantizer=fsq,vq", "seed=0,1") == ["vae", "video"]
    assert given(trained, tmp_path, "sampling=0,0.4") == ["vae", "video", "tokens"]
    assert given(trained, tmp_path, "steps=1,2", "seed=0,1") == ["vae", "video", "tokens", "text"]
    # 0.001 is what the run was trained with: its cell is trained all the same, as those beside it
    assert given(trained, tmp_path, "augmentation=0.001,0.5") == ["vae"]
    assert given(trained, tmp_path, "seed=0", stage2={"steps": 3}) == ["vae", "video"]


def test_the_embedded_model_is_a_run_to_take_from(trained, tmp_path):
    from signvip.generate import embedded_run
    from signvip_lab.ablation.ablate import Request, plan_ablation

    _, plan = plan_ablation(Request(trained.shards, vary=("codebook=128",), source=Path("embedded")))
    assert [step.given for step in plan.steps[0]] == [embedded_run(), embedded_run(), None]
    assert plan.cells[0].config.size == (128, 128) and plan.stage == 2


def test_a_run_with_nothing_in_common_is_refused(trained, tmp_path):
    with pytest.raises(RunError, match="leave out --from"):
        given(trained, tmp_path, "stage1.vae.steps=5,6")
