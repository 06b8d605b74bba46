"""Ctrl-C while a command is at work: a sentence, nothing half-written, and the same command goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

from workers import PATIENCE

from signvip.config import parse_config
from signvip.settings import merge
from signvip.stages import train
from signvip.training.resume import checkpoints

# a background job starts deaf to SIGINT
MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from signvip_cli.app import main
main()
"""


def test_training_stops_at_ctrl_c_and_goes_on_from_its_checkpoint(trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run", ignore=shutil.ignore_patterns("training"))
    settings = ["stage2.steps=100000", "stage2.checkpoint_every=2", "stage2.log_every=1", "stage2.workers=1"]
    words = ["train", "--stage", "2", "--shards", str(trained.shards), "--run", str(run)]
    words += [word for setting in settings for word in ("--set", setting)]
    child = subprocess.Popen(
        [sys.executable, "-c", MAIN, *words], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    folder, until = run / "training" / "stage2", time.monotonic() + PATIENCE
    while not list(folder.glob("checkpoint-*[1-9]")) and child.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to the worker, too
    told = child.communicate(timeout=PATIENCE)[1]
    assert child.returncode == 130, told
    assert told.rstrip().splitlines()[-1].startswith("error: interrupted;")
    assert "Traceback" not in told
    done = int(checkpoints(folder)[-1].name.rpartition("-")[2])
    more = merge(trained.config.model_dump(mode="json"), {"stage2": {"steps": done + 1}})
    rows = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    before = "".join(row for row in rows if json.loads(row)["step"] <= done)  # later ones are trained again
    train(parse_config(more), 2, shards=trained.shards, run=run)
    assert (folder / "metrics.jsonl").read_text().startswith(before)
    assert checkpoints(folder)[-1].name.endswith(str(done + 1))
