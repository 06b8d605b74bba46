"""A grid: each step and each cell once, failures as lines, and what is left in the folder."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest

import signvip.stages
from signvip.config import parse_config
from signvip.errors import DataError, RunError
from signvip.generate import GenerateOptions
from signvip.progress import Silent
from signvip.run import Run
from signvip.settings import merge
from signvip.stages import train
from signvip_lab.ablation import timing
from signvip_lab.ablation.axes import make_axis, parse_axis
from signvip_lab.ablation.grid import make_cells
from signvip_lab.ablation.records import read_records
from signvip_lab.ablation.runner import make_plan, run_plan
from signvip_lab.ablation.store import Store
from signvip_lab.ablation.trainings import identity
from signvip_lab.evaluation.evaluate import EvaluateOptions


@pytest.fixture
def trainings(monkeypatch):
    """The stages that were trained, in order; trained they are all the same."""
    honest, calls = signvip.stages.train, []

    def counted(config, stage, **words):
        calls.append(stage)
        return honest(config, stage, **words)

    monkeypatch.setattr(signvip.stages, "train", counted)
    return calls


def plan_of(trained, out, *axes, stage=2, **options):
    made = [axis if not isinstance(axis, str) else parse_axis(axis) for axis in axes]
    return make_plan(
        make_cells(trained.config, made), trained.shards, out, stage, source=trained.run, **options
    )


def test_nothing_is_computed_twice(trained, tmp_path, trainings):
    small = plan_of(trained, tmp_path, "quantizer=fsq,vq", "codebook=128")
    first = run_plan(small)
    assert trainings == [2, 2] and [record.status for record in first] == ["done", "done"]
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    wider = run_plan(plan_of(trained, tmp_path, "quantizer=fsq,vq", "codebook=128,256"))
    assert trainings == [2] * 4 and len(wider) == 4
    assert (tmp_path / "runs.jsonl").read_text().splitlines()[:2] == lines
    again = run_plan(plan_of(trained, tmp_path, "quantizer=vq", "codebook=128"))
    assert trainings == [2] * 4 and again[0].values == first[1].values


def test_a_record_says_what_it_is(trained, tmp_path):
    (record,) = run_plan(plan_of(trained, tmp_path, "codebook=128"))
    stored = json.loads((tmp_path / "runs.jsonl").read_text())
    assert (
        stored["labels"] == {"codebook": 128}
        and stored["device"]
        and stored["signvip"] == signvip.__version__
    )
    assert stored["facts"] == {"vocab_size": 125, "tokens_per_frame": 16}
    assert stored["steps"]["video"] == "given" and len(stored["steps"]["tokens"]) == 12
    usage = record.value("dev/usage")
    assert (
        usage is not None
        and 0 < usage.value <= 1
        and usage.n == 16 * frames(trained)
        and usage.higher_is_better
    )
    share = record.value("dev/perplexity_share")
    assert share is not None and share.value == pytest.approx(record.value("dev/perplexity").value / 125)
    assert read_records(tmp_path)[record.cell] == record


def test_a_cell_without_codes_has_no_usage(trained, tmp_path):
    (record,) = run_plan(plan_of(trained, tmp_path, "prediction=coordinates"))
    assert (record.status, record.reason, record.values) == ("done", None, [])
    assert record.facts == {"vocab_size": 1024, "tokens_per_frame": 552}


def test_an_evaluator_that_is_finished_under_way_renames_no_cell(trained, tmp_path, monkeypatch):
    plan = plan_of(trained, tmp_path, "steps=1", stage=3)
    before = list(plan.ids)
    monkeypatch.setattr(
        "signvip_lab.ablation.runner.back_translator_stamps", lambda folders: ["finished since"]
    )
    assert plan.ids == before != plan_of(trained, tmp_path, "steps=1", stage=3).ids


def frames(trained) -> int:
    return json.loads((trained.shards / "manifest.json").read_text())["splits"]["dev"]["frames"]


def test_a_cell_that_fails_is_a_line_and_is_tried_again(trained, tmp_path, trainings):
    arms = make_axis("arm", [{"label": "bad", "quantizer": {"bound": "round"}}, {"label": "good"}])
    bad, also_bad, good, _ = run_plan(plan_of(trained, tmp_path, arms, "stage2.workers=0,1"))
    assert (bad.status, good.status) == ("failed", "done")
    assert "bound" in bad.reason and bad.values == [] and also_bad.reason == bad.reason
    assert trainings == [2, 2]  # what the second cell shares with the first is not tried again
    run_plan(plan_of(trained, tmp_path, arms, "stage2.workers=0,1"))
    assert trainings == [2, 2, 2]


def test_whole_runs_share_their_training_and_are_measured(trained, tmp_path, trainings):
    options = EvaluateOptions(metrics=("ssim", "length_ratio"), clips=1)
    plan = plan_of(trained, tmp_path, "sampling=1", "steps=1,2", stage=3, options=options)
    records = run_plan(plan)
    assert trainings == [3] and [record.status for record in records] == ["done"] * 2
    for record in records:
        cell = tmp_path / "cells" / record.cell
        steps = json.loads((cell / "model_index.json").read_text())["steps"]
        assert steps == record.labels["steps"]
        assert {path.name for path in (cell / "clips").glob("*.mp4")} == {
            "0 ground truth.mp4", "0 from true conditions.mp4", "0 from the text.mp4",
        }  # fmt: skip
        assert (
            record.value("from true conditions/ssim").n == 1
            and record.value("dev/token_accuracy") is not None
        )
    stills = {record.value("the reference, unchanged/ssim").value for record in records}
    assert len(stills) == 1 and len(records[0].sentences) == 1  # whatever the cell
    assert not list((tmp_path / "shards").glob("*"))
    assert not list(tmp_path.glob("stages/*/training/*/checkpoint-*"))


@pytest.mark.slow
def test_cells_of_stage_1_have_numbers_and_clips_of_dev_and_a_precision_of_their_own(trained, tmp_path):
    cells = make_cells(trained.config, [parse_axis("precision=no,bf16")])
    first, second = run_plan(make_plan(cells, trained.shards, tmp_path, 1))
    assert (first.reason, second.reason) == (None, None)
    assert {value.name for value in first.values} == {"psnr", "ssim", "hand_ssim"}
    assert first.value("dev/psnr").value != second.value("dev/psnr").value
    still = "dev, the reference, unchanged/psnr"  # training logs it beside the model's
    assert first.value(still).value == second.value(still).value > 10
    clips = sorted((tmp_path / "cells" / first.cell / "clips").glob("*.mp4"))
    assert [path.name for path in clips] == ["0 from true conditions.mp4", "1 from true conditions.mp4"]


def test_parts_are_linked_not_copied(trained, tmp_path):
    (record,) = run_plan(plan_of(trained, tmp_path, "codebook=128"))
    own = tmp_path / "cells" / record.cell
    name = Path("vae") / "diffusion_pytorch_model.safetensors"
    assert (own / name).samefile(trained.run / name)


def test_two_at_once_are_refused(trained, tmp_path):
    with Store(tmp_path, trained.shards, Silent()).alone(), pytest.raises(RunError, match="--out"):
        run_plan(plan_of(trained, tmp_path, "codebook=128"))


def test_a_damaged_file_of_records_is_a_sentence(tmp_path):
    (tmp_path / "runs.jsonl").write_text('{"cell": ')
    with pytest.raises(DataError, match="remove it"):
        read_records(tmp_path)


def test_what_earlier_versions_measured_is_found_again():
    """The name of a cell's record holds all options of an evaluation: one more, and every cell is measured anew."""
    assert identity(options=asdict(EvaluateOptions())) == "6154396c1888"


def test_training_options_that_earlier_versions_did_not_have_are_no_part_of_a_name():
    stage1 = {"steps": 3}
    plain = identity(stage1=stage1, start={"unet": None})
    newer = {"pixels": None, "redraw": 0.0}
    assert identity(stage1={**stage1, **newer}, start={"unet": None, "run": None}) == plain
    for name, value in (("pixels", {"weight": 1.0}), ("redraw", 0.5)):
        assert identity(stage1={**stage1, **newer, name: value}, start={"unet": None}) != plain


def test_what_guides_is_part_of_a_name_where_it_is_asked_for():
    asked = [
        EvaluateOptions(sampling=GenerateOptions(guided_by=guide)) for guide in (None, "tokens", "poses")
    ]
    assert len({identity(options=asdict(options)) for options in asked}) == 3


@pytest.fixture
def drawn(trained, tmp_path):
    """A run that poses guide."""
    run = tmp_path / "drawn"
    shutil.copytree(trained.run, run)
    values = merge(trained.config.model_dump(mode="json"), {"sampler": {"guided_by": "poses"}})
    train(parse_config(values), 2, shards=trained.shards, run=run)
    assert (run / "pose_drawer").is_dir()
    return run


def cells_of(run, trained, out, axis):
    cells = make_cells(Run.open(run).config, [parse_axis(axis)])
    options = EvaluateOptions(metrics=("psnr",), clips=1)
    return make_plan(cells, trained.shards, out, 3, source=run, options=options)


@pytest.mark.parametrize("axis", ["steps=1", "codebook=128"])
def test_what_draws_poses_comes_with_the_video_model_of_a_run(drawn, trained, tmp_path, axis):
    plan = cells_of(drawn, trained, tmp_path / "out", axis)
    assert [(record.status, record.reason) for record in run_plan(plan)] == [("done", None)]
    (cell,) = (tmp_path / "out" / "cells").iterdir()
    assert Run.open(cell).config.sampler.guided_by == "poses"
    assert {"pose_head", "pose_drawer"} <= {path.name for path in cell.iterdir()}


def test_steps_are_timed_with_what_guides_the_pictures(drawn, trained, tmp_path, monkeypatch):
    timed, make = [], timing.Store.make
    monkeypatch.setattr(
        timing.Store,
        "make",
        lambda store, step: timed.append(step.config.sampler.guided_by) or make(store, step),
    )
    timing.estimate(cells_of(drawn, trained, tmp_path / "taken", "codebook=128"))
    assert set(timed) == {"poses"}
    timed.clear()
    timing.estimate(cells_of(drawn, trained, tmp_path / "trained", "augmentation=0.5"))
    assert set(timed) == {"tokens"}


def test_cells_whose_video_model_is_trained_are_guided_by_tokens(drawn, trained, tmp_path):
    plan = cells_of(drawn, trained, tmp_path / "out", "augmentation=0.5")
    assert [(record.status, record.reason) for record in run_plan(plan)] == [("done", None)]
    (cell,) = (tmp_path / "out" / "cells").iterdir()
    assert Run.open(cell).config.sampler.guided_by == "tokens"
