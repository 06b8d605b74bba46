"""An ablation of two cells, killed in the second: resumed, it keeps the first and equals one that never stopped."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from signvip.ablation.ablate import Request, ablate, plan_ablation
from signvip.ablation.runner import run_plan
from signvip.progress import Silent

PATIENCE = 120
STEPS = ("stage2.steps=24", "stage2.checkpoint_every=2", "stage2.validate_every=100")
CHILD = """
import json, sys
from pathlib import Path
from signvip.ablation.ablate import Request, ablate
from signvip.progress import Silent
told = json.loads(sys.argv[1])
paths = {name: Path(told.pop(name)) for name in ("shards", "source", "out")}
ablate(Request(**told, **paths), Silent())
"""


@pytest.mark.slow
def test_a_killed_ablation_goes_on_where_it_was(trained, tmp_path):
    told = {"vary": ["codebook=128,256"], "settings": STEPS}
    request = Request(trained.shards, source=trained.run, out=tmp_path / "killed", **told)
    paths = {"shards": str(trained.shards), "source": str(trained.run), "out": str(request.out)}
    child = subprocess.Popen([sys.executable, "-c", CHILD, json.dumps({**told, **paths})])
    _, plan = plan_ablation(request)
    second = request.out / "stages" / plan.steps[1][-1].name / "training" / "stage2"
    until = time.monotonic() + PATIENCE
    while not list(second.glob("checkpoint-*[2-9]")) and child.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    child.kill()
    assert child.wait(PATIENCE) == -9, "it was done before it was killed"
    first = (request.out / "runs.jsonl").read_text()
    weights = (
        request.out
        / "stages"
        / plan.steps[0][-1].name
        / "autoencoder"
        / "diffusion_pytorch_model.safetensors"
    )
    when = weights.stat().st_mtime_ns
    records, report = ablate(request, Silent())
    assert [record.status for record in records] == ["done", "done"] and len(first.splitlines()) == 1
    assert (request.out / "runs.jsonl").read_text().startswith(first) and weights.stat().st_mtime_ns == when
    assert len(report.table.splitlines()) == 4

    _, whole = plan_ablation(Request(trained.shards, source=trained.run, out=tmp_path / "whole", **told))
    again = run_plan(whole)
    assert [record.values for record in again] == [record.values for record in records]
    made, expected = (load_file(next(folder(plan).glob("*.safetensors"))) for plan in (plan, whole))
    assert all(torch.equal(made[name], expected[name]) for name in expected)


def folder(plan):
    return plan.out / "cells" / plan.ids[1] / "autoencoder"
