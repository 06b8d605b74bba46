"""The model that travels with the package: a finished run in half precision, with how it was made.

Folders `clips` and `references` in the run, shards for `signvip demo` and signers for `signvip serve`, go along:

python -m signvip.release.embed runs/embedded signvip/embedded
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from signvip.errors import SignVipError
from signvip.generate import GenerateOptions, load_pipeline
from signvip.models.precision import halve
from signvip.run import MAKERS, OPTIONAL, REFERENCES, Run, forget_place
from signvip.stages.further import networks_of
from signvip.storage import fits
from signvip.storage.files import write_text

PHASES = (
    *("stage1-vae", "stage1-image", "stage1-motion", "stage1-detail"),
    *("stage2", "stage2-poses", "stage2-reference", "stage3"),
)


def embed(source: Path, target: Path) -> Path:
    """Copy the parts of a run, their weights as float16, its configuration and last dev metrics; no training state.

    The clips and pictures of signers that travel with the run do so with the copy.
    """
    run = Run.open(source)
    run.require(*(part for part in MAKERS if part not in OPTIONAL))
    shutil.rmtree(target, ignore_errors=True)
    for part, network in networks_of(run):
        halve(network)
        network.save_pretrained(target / part)
    pipe = load_pipeline(str(source), GenerateOptions(device="cpu"))
    pipe.scheduler.save_pretrained(target / "scheduler")
    pipe.save_config(target)
    values = json.loads((source / "config.json").read_text())
    values["start"]["run"] = None  # a folder of this machine
    write_text(target / "config.json", json.dumps(values, indent=2))
    metrics = {
        phase: last_metrics(run.phase(phase) / "metrics.jsonl")
        for phase in PHASES
        if run.phase(phase).is_dir()
    }
    write_text(target / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    for path in target.rglob("*.json"):
        forget_place(path)
    for folder in (run.clips, source / REFERENCES):
        if folder.is_dir():
            shutil.copytree(folder, target / folder.name, ignore=shutil.ignore_patterns(".*"))
    fits.note(target, *filter(run.has, MAKERS))  # of the files as they stay
    return target


def last_metrics(path: Path) -> dict[str, float]:
    """Return the last row of each kind in a metrics file: training values, and those of the dev split."""
    values: dict[str, float] = {}
    for line in path.read_text().splitlines():
        values.update(json.loads(line))
    return values


if __name__ == "__main__":
    try:
        print(embed(Path(sys.argv[1]), Path(sys.argv[2])))
    except SignVipError as error:
        sys.exit(f"error: {error}")
