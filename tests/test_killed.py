"""Killed at any moment, without a word: what is resumed equals what never stopped, bit for bit."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from workers import PATIENCE

from signvip.config import parse_config
from signvip.settings import merge
from signvip.stages import train

LAUNCHED = Path(__file__).with_name("launched.py")
TRAINING = {"steps": 60, "checkpoint_every": 2, "validate_every": 100, "clips": 2}


@pytest.mark.slow
def test_a_killed_training_goes_on_as_if_nothing_had_been(trained, tmp_path):
    leave = shutil.ignore_patterns("training", "autoencoder", "translator")
    whole = shutil.copytree(trained.run, tmp_path / "whole", ignore=leave)
    killed = shutil.copytree(trained.run, tmp_path / "killed", ignore=leave)
    values = merge(trained.config.model_dump(mode="json"), {"stage2": TRAINING})
    stored = tmp_path / "config.json"
    stored.write_text(json.dumps(values))
    child = subprocess.Popen(
        [sys.executable, LAUNCHED, stored, trained.shards, killed, "2", json.dumps(TRAINING)]
    )
    folder, until = killed / "training" / "stage2", time.monotonic() + PATIENCE
    while not list(folder.glob("checkpoint-*[1-9]")) and child.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    time.sleep(random.SystemRandom().uniform(0, 2))  # another moment in every run
    child.kill()
    child.wait(PATIENCE)
    for run in (killed, whole):
        train(parse_config(values), 2, shards=trained.shards, run=run)
    made, expected = (load_file(next((run / "autoencoder").glob("*.safetensors"))) for run in (killed, whole))
    assert all(torch.equal(made[name], expected[name]) for name in expected)
    assert not list(killed.glob(".*")) and not list(folder.glob(".checkpoint*"))
