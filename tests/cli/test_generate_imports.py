"""What a greedy `signvip generate` does not import: half of its time on a short clip was spent on imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

UNUSED = (
    "signvip.stages", "signvip.training.loop", "signvip.release", "signvip.testing", "signvip.footprint.parameters",
    "signvip_lab", "signvip.doctor",
    "signvip.data.shards", "signvip.data.preprocess", "signvip.measures", "signvip_translators.regression",
    "signvip_quantizers.vq", "transformers.models.clip", "transformers.models.bert", "diffusers.training_utils",
    "webdataset", "pebble", "tensorboard", "torch.utils.tensorboard", "skimage", "sacrebleu", "pandas", "matplotlib",
    "sklearn", "bitsandbytes", "ray", "vector_quantize_pytorch",
)  # fmt: skip
COMMAND = f"""
import gc, json, sys
sys.argv = ["signvip", "generate", "rain", "ref.png", "-o", "a.mp4", "--steps", "1", "--max-frames", "1",
            "--device", "cpu", "--run", "embedded"]
from signvip_cli.app import main
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
loaded = sorted(set({UNUSED}) & set(sys.modules))
print(json.dumps({{"loaded": loaded, "collects": gc.isenabled(), "frozen": gc.get_freeze_count()}}))
"""


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """What one process that generated a frame says of itself."""
    folder = tmp_path_factory.mktemp("generate")
    Image.fromarray(np.full((64, 64, 3), 150, np.uint8)).save(folder / "ref.png")
    done = subprocess.run([sys.executable, "-c", COMMAND], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (folder / "a.mp4").is_file()
    return json.loads(done.stdout.splitlines()[-1])


def test_what_only_training_and_measuring_need_is_not_imported(process):
    assert process["loaded"] == []


def test_the_garbage_collector_works_on_what_came_after_the_imports_alone(process):
    assert process["collects"]
    assert process["frozen"] > 100_000


def test_threads_that_wait_sleep_unless_the_user_chose(monkeypatch):
    from signvip_cli.imports import let_threads_sleep

    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")  # remembered, to be put back
    monkeypatch.delenv("OMP_WAIT_POLICY")
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    let_threads_sleep()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"
