"""Make safetensors and JSON of pickles in a run of one's own: parts as `.bin`, checkpoints as SignViP 0.1 wrote them.

Pickles are opened for their tensors and plain values alone, so that even one of a stranger's runs nothing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from signvip.errors import RunError
from signvip.storage.checkpoints import PICKLED, STATE, TENSORS, own, take_apart
from signvip.storage.loading import PICKLES, WEIGHTS

# What accelerate calls the states in a checkpoint, and what they are called here.
PARTS = {
    "optimizer": PICKLED,
    "schedule": "scheduler.bin",
    "averages": "custom_checkpoint_0.pkl",
    "scaler": "scaler.pt",
}


def convert(run: Path) -> list[Path]:
    """Convert what a run holds as pickles, and return the files that were written; RunError where there are none."""
    made = [path for folder in sorted(run.glob("*")) if folder.is_dir() for path in _part(folder)]
    made += [path for folder in sorted(run.glob("training/*/checkpoint-*")) for path in _checkpoint(folder)]
    if not made:
        raise RunError(f"There is no pickle to convert in {run}; give the folder of a run that holds one.")
    return made


def _part(folder: Path) -> list[Path]:
    pickled = [path for path in sorted(folder.glob("*")) if path.suffix in PICKLES]
    if not pickled or (folder / WEIGHTS).exists():
        return []
    if len(pickled) > 1:
        raise RunError(f"{folder} holds several pickles; keep the one with its weights, and start again.")
    weights = _read(pickled[0])
    if not isinstance(weights, dict) or not all(
        isinstance(value, torch.Tensor) for value in weights.values()
    ):
        raise RunError(
            f"{pickled[0]} holds more than weights by name; save its state_dict alone, and start again."
        )
    _write(folder / WEIGHTS, weights)
    return [folder / WEIGHTS]


def _checkpoint(folder: Path) -> list[Path]:
    if (folder / STATE).exists() or not (folder / PICKLED).exists():
        return []
    found = {name: _read(folder / file) for name, file in PARTS.items() if (folder / file).exists()}
    tensors, tree = take_apart(found)
    _write(folder / TENSORS, tensors)
    (folder / STATE).write_text(json.dumps(tree), encoding="utf-8")  # last: with it, the checkpoint is whole
    return [folder / TENSORS, folder / STATE]


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch, pickle and zip each raise their own
        raise RunError(
            f"{path} holds more than tensors and plain values, or is damaged, and is not opened, since a pickle can "
            "run code; train that part again with --fresh."
        ) from error


def _write(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    temporary = path.with_name(f".{path.name}.partial")
    save_file(own(tensors), temporary, metadata={"format": "pt"})
    os.replace(temporary, path)
