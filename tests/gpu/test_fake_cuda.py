"""Nothing is on the wrong device, or waits for the card: stages 1 and 2 without a card, by torch's fake tensors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from workers import PATIENCE

HERE = Path(__file__).parent


@pytest.mark.parametrize("precision", ["no", "bf16"])
def test_stages_1_and_2_run_on_a_card(tmp_path, precision):
    places = [str(HERE), str(HERE.parent), *sys.path]
    done = subprocess.run(
        [sys.executable, str(HERE / "chain.py"), str(tmp_path), precision],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(place for place in places if place)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-4000:]
