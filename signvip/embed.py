"""The model that travels with the package: a finished run in half precision, with how it was made.

python -m signvip.embed runs/embedded signvip/embedded
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from diffusers import ModelMixin

from signvip import fits, models
from signvip.config import RunConfig
from signvip.data.files import write_text
from signvip.errors import SignVipError
from signvip.generate import GenerateOptions, load_pipeline
from signvip.models import TokenTranslator
from signvip.models.precision import halve
from signvip.models.vae import vae_class
from signvip.run import MAKERS, OPTIONAL, Run, forget_place

PHASES = ("stage1-vae", "stage1-image", "stage1-motion", "stage2", "stage2-poses", "stage3")


def embed(source: Path, target: Path) -> Path:
    """Copy the parts of a run, their weights as float16, its configuration and last dev metrics; no training state."""
    run = Run.open(source)
    run.require(*(part for part in MAKERS if part not in OPTIONAL))
    shutil.rmtree(target, ignore_errors=True)
    for part in filter(run.has, MAKERS):
        network = run.load(part, _class_of(part, run.config))
        halve(network)
        network.save_pretrained(target / part)
    pipe = load_pipeline(str(source), GenerateOptions(device="cpu"))
    pipe.scheduler.save_pretrained(target / "scheduler")
    pipe.save_config(target)
    shutil.copy(source / "config.json", target / "config.json")
    metrics = {
        phase: last_metrics(run.phase(phase) / "metrics.jsonl")
        for phase in PHASES
        if run.phase(phase).is_dir()
    }
    write_text(target / "metrics.json", json.dumps(metrics, indent=2) + "\n")
    for path in target.rglob("*.json"):
        forget_place(path)
    fits.note(target, *filter(run.has, MAKERS))  # of the files as they stay
    return target


def last_metrics(path: Path) -> dict[str, float]:
    """The last row of each kind in a metrics file: training values, and those of the dev split."""
    values: dict[str, float] = {}
    for line in path.read_text().splitlines():
        values.update(json.loads(line))
    return values


def _class_of(part: str, config: RunConfig) -> type[ModelMixin]:
    names = {"vae": vae_class(config.vae), "translator": TokenTranslator}
    return names.get(part) or getattr(models, "".join(word.title() for word in part.split("_")))


if __name__ == "__main__":
    try:
        print(embed(Path(sys.argv[1]), Path(sys.argv[2])))
    except SignVipError as error:
        sys.exit(f"error: {error}")
