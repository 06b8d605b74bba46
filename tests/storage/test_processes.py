"""Two processes on a CPU: what they train together is what one trains with twice the batch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from small import small_config
from workers import PATIENCE

from signvip.config import parse_config
from signvip.settings import merge
from signvip.stages import train
from signvip.training.resume import checkpoints

LAUNCHED = Path(__file__).parents[1] / "launched.py"
SHARDED = LAUNCHED.with_name("launched_sharded.py")


def launch(config, shards, run, stage, *turns, processes=2, script=LAUNCHED):
    """Train by torchrun, each turn on top of the last; returns what it said."""
    stored = run.with_name(f"{run.name}.json")
    stored.write_text(json.dumps(config.model_dump(mode="json")))
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    words += [script, stored, shards, run, stage, *(json.dumps(turn) for turn in turns)]
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stderr


def weights(run: Path, part: str) -> dict[str, torch.Tensor]:
    return load_file(next((run / part).glob("*.safetensors")))


def test_two_processes_equal_one_with_twice_the_batch(trained, tmp_path):
    """And they resume. Biases are left out: a norm cancels some, and Adam makes whole steps of their rounding."""
    even = {"schedule": "constant", "warmup": 0, "learning_rate": 2e-4}
    first, more = {"steps": 2, "clips": 1, **even}, {"steps": 3, "clips": 1, **even}
    leave = shutil.ignore_patterns("training", "autoencoder", "translator")
    together = shutil.copytree(trained.run, tmp_path / "two", ignore=leave)
    alone = shutil.copytree(trained.run, tmp_path / "one", ignore=leave)
    launch(trained.config, trained.shards, together, 2, first, more)
    values = merge(trained.config.model_dump(mode="json"), {"stage2": {**more, "clips": 2}})
    train(parse_config(values), 2, shards=trained.shards, run=alone)
    made, expected = weights(together, "autoencoder"), weights(alone, "autoencoder")
    assert made.keys() == expected.keys()
    for name in [name for name in expected if name.endswith("weight")]:
        apart = (made[name] - expected[name]).abs()
        assert apart.max() < 5e-5 and apart.mean() < 2e-6, name  # of three steps of 2e-4 each
    folder = together / "training" / "stage2"
    assert [path.name for path in checkpoints(folder)] == ["checkpoint-0000002", "checkpoint-0000003"]
    rows = [json.loads(row) for row in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "dev/usage" in row] == [2, 3]  # validated once, not twice


@pytest.mark.slow
def test_two_processes_train_a_reference_net_that_is_dropped_in_some_steps(plain_shards, tmp_path):
    config, run = small_config(stage1={"reference_dropout": 0.5}), tmp_path / "run"
    launch(config, plain_shards, run, 1, {"image": {"steps": 6, "clips": 1, "accumulation": 2}})
    for part in ("vae", "condition_encoder", "guider", "reference_net", "denoiser"):
        assert all(value.isfinite().all() for value in weights(run, part).values())
    assert not list(run.glob(".*"))


@pytest.mark.slow
@pytest.mark.parametrize("stage", [1, 2])
def test_spread_weights_train_as_whole_ones_do(trained, tmp_path, stage):
    """FSDP2 on two CPUs against two whole copies: it validates, saves parts, and resumes from shares."""
    even = {"schedule": "constant", "warmup": 0, "learning_rate": 2e-4, "clips": 1, "ema": 0.0}
    turns = [{"steps": steps, **even} for steps in (2, 3)]
    if stage == 1:
        turns = [
            {"vae": None, "image": turn, "motion": turn, "phases": ["image", "motion"]} for turn in turns
        ]
    leave = shutil.ignore_patterns("training", "autoencoder", "translator")
    runs = {LAUNCHED: tmp_path / "whole", SHARDED: tmp_path / "spread"}
    for script, run in runs.items():
        shutil.copytree(trained.run, run, ignore=leave)
        launch(trained.config, trained.shards, run, stage, *turns, script=script)
    for part in ("condition_encoder", "denoiser") if stage == 1 else ("autoencoder",):
        made, expected = weights(runs[SHARDED], part), weights(runs[LAUNCHED], part)
        assert made.keys() == expected.keys()
        for name in [name for name in expected if name.endswith("weight")]:
            apart = (made[name] - expected[name]).abs()
            assert apart.max() < 5e-5 and apart.mean() < 2e-6, name
