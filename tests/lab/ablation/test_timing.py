"""What a dry run says: times measured before, or a short timing; and what is shared, done or taken."""

from __future__ import annotations

import json

import pytest
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from signvip_lab.ablation.axes import parse_axis
from signvip_lab.ablation.grid import make_cells
from signvip_lab.ablation.preview import preview
from signvip_lab.ablation.rates import phase_rates, work
from signvip_lab.ablation.runner import make_plan
from signvip_lab.ablation.timing import MEASURE, Rates, estimate, known_rates


def plan_of(trained, out, *axes, stage=2, config=None, source=True):
    cells = make_cells(config or trained.config, [parse_axis(text) for text in axes])
    return make_plan(cells, trained.shards, out, stage, source=trained.run if source else None)


def log(run, phase: str, times: list[float], config) -> None:
    """A TensorBoard log with a step every ten, at these wall times."""
    run.mkdir(parents=True, exist_ok=True)
    (run / "config.json").write_text(json.dumps(config.model_dump(mode="json")))
    writer = EventFileWriter(str(run / "training" / phase / "tensorboard"))
    for number, when in enumerate(times):
        value = Summary(value=[Summary.Value(tag="loss", simple_value=1.0)])
        writer.add_event(Event(step=10 * (number + 1), wall_time=when, summary=value))
    writer.close()


def test_rates_are_medians_of_logged_times(trained, tmp_path):
    log(tmp_path / "run", "stage2", [100.0, 120.0, 140.0, 90000.0, 90020.0], trained.config)
    frames = trained.config.stage2.clips * trained.config.stage2.frames
    assert phase_rates(tmp_path / "run") == {"stage2": pytest.approx(2.0 / frames)}
    (tmp_path / "run" / "step.json").write_text('{"kind": "tokens", "seconds": 34}')
    assert phase_rates(tmp_path / "run")["fixed tokens"] == pytest.approx(
        34 - 2.0 * trained.config.stage2.steps
    )
    assert phase_rates(tmp_path / "nothing") == {}


def test_the_sum_is_steps_times_rates(trained, tmp_path):
    plan = plan_of(trained, tmp_path, "codebook=128,256", "seed=0,1")
    step = plan.steps[0][-1]
    assert dict(work(step)) == {"stage2": 2 * 2 * trained.config.stage2.frames}
    rates = Rates({"stage2": 0.5, "fixed tokens": 3.0, "prepare tokens": 0.25})
    assert rates.of_step(step, clips=8) == pytest.approx(0.5 * 4 * trained.config.stage2.frames + 3 + 2)
    log(plan.out / "stages" / "tokens-before", "stage2", [1.0, 21.0], trained.config)
    found = estimate(plan)
    assert found.timed == 0 and len(found.steps["tokens"]) == 4
    assert found.total == pytest.approx(4 * 2.0 * 2)


def test_shared_steps_are_counted_once_and_everything_is_timed_where_nothing_is_known(trained, tmp_path):
    plan = plan_of(trained, tmp_path / "out", "augmentation=0,0.5", "codebook=128,256", source=False)
    shown = preview(plan)
    states = [list(cell["steps"].values()) for cell in shown.cells]
    assert states == [["train"] * 3, ["shared", "shared", "train"], ["shared", "train", "train"],
                      ["shared", "shared", "train"]]  # fmt: skip
    assert {kind: len(seconds) for kind, seconds in shown.estimate.steps.items()} == {
        "vae": 1,
        "video": 2,
        "tokens": 4,
    }
    assert all(second > 0 for seconds in shown.estimate.steps.values() for second in seconds)
    assert shown.estimate.timed > 0 and not (tmp_path / "out").exists()


def test_measuring_is_timed_by_the_clip(trained, tmp_path):
    from made import make_record

    from signvip_lab.ablation.records import write_record

    plan = plan_of(trained, tmp_path, "steps=1,2", stage=3)
    record = make_record({"steps": 1}, {"usage": 1.0}, cell=plan.ids[0], stage=3, shards={"clips": 2})
    record.seconds = {MEASURE: 8.0}
    write_record(tmp_path, record)
    assert known_rates(plan)[MEASURE] == 4.0
    found = estimate(plan)
    assert (found.cells, found.total) == (1, 4.0 * 2)  # the other cell, on the two clips of the test split
