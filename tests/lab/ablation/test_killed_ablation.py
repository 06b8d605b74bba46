"""An ablation of two cells, killed in the second: resumed, it keeps the first and equals one that never stopped."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from workers import PATIENCE

from signvip.progress import Silent
from signvip.training.resume import checkpoints
from signvip_lab.ablation.ablate import Request, ablate, plan_ablation
from signvip_lab.ablation.runner import run_plan

STEPS = ("stage2.steps=24", "stage2.checkpoint_every=2", "stage2.validate_every=100")
CHILD = """
import json, os, signal, sys
from pathlib import Path
from signvip_lab.ablation.ablate import Request, ablate
from signvip.progress import Silent
told, last = json.loads(sys.argv[1]), Path(sys.argv[2])
replace = os.replace

def killed_at_the_last(source, target):
    replace(source, target)
    if Path(target) == last:
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = killed_at_the_last
paths = {name: Path(told.pop(name)) for name in ("shards", "source", "out")}
ablate(Request(**told, **paths), Silent())
"""


@pytest.mark.slow
def test_a_killed_ablation_goes_on_where_it_was(trained, tmp_path):
    told = {"vary": ["codebook=128,256"], "settings": STEPS}
    request = Request(trained.shards, source=trained.run, out=tmp_path / "killed", **told)
    paths = {"shards": str(trained.shards), "source": str(trained.run), "out": str(request.out)}
    _, plan = plan_ablation(request)
    second = request.out / "stages" / plan.steps[1][-1].name / "training" / "stage2"
    command = [sys.executable, "-c", CHILD, json.dumps({**told, **paths}), second / "checkpoint-0000004"]
    assert subprocess.run(command, timeout=PATIENCE).returncode == -signal.SIGKILL
    assert [path.name for path in checkpoints(second)][-1] == "checkpoint-0000004"
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
