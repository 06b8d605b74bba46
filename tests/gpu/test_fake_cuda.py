"""Nothing is on the wrong device, of another dtype, or waits for the card: the chain by torch's fake tensors."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workers import PATIENCE

HERE = Path(__file__).parent


@pytest.mark.slow  # half a minute
def test_stages_1_and_2_run_on_a_card(tmp_path):
    assert complaint("video.py", tmp_path) is None


@pytest.mark.parametrize("precision", [pytest.param("no", marks=pytest.mark.slow), "bf16"])
def test_stage_3_generate_and_evaluate_run_on_a_card(trained, tmp_path, precision):
    """In full precision stage 3 and the pipeline alone."""
    shutil.copytree(trained.shards, tmp_path / "shards")
    shutil.copytree(trained.run, tmp_path / "run")
    assert complaint("text.py", tmp_path, precision) is None


def test_a_card_refuses_what_fake_tensors_let_pass():
    assert complaint("refused.py") is None


def complaint(script: str, *arguments: Path | str) -> str | None:
    """The end of what a script says that fails, in a process of its own; None where it succeeds."""
    places = [str(HERE), str(HERE.parent), *sys.path]
    done = subprocess.run(
        [sys.executable, str(HERE / script), *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(place for place in places if place)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return done.stderr[-4000:] if done.returncode else None
