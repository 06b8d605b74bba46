"""A run: the folder that a training leaves behind and that the pipeline, diffusers and the hub can load.

config.json                     what built it
model_index.json, vae/, condition_encoder/, guider/, reference_net/, denoiser/, autoencoder/,
pose_head/, translator/, scheduler/   the parts, each as soon as it is trained
training/<phase>/               checkpoints, metrics.jsonl, TensorBoard, samples to look at
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from signvip.config import RunConfig, load_config, merge, option, parse_config, parse_setting, read_toml
from signvip.data.files import write_text
from signvip.data.json_files import parse_object
from signvip.errors import MismatchError, RunError
from signvip.loading import load_part
from signvip.processes import is_main, wait

if TYPE_CHECKING:
    from diffusers import ModelMixin

Model = TypeVar("Model", bound="ModelMixin")

READY = ".ready"  # behind the name of a part that is whole and not in its place yet
# What trains a part, so that a missing one can say what to do.
MAKERS = {
    "vae": "signvip train --stage 1",
    "condition_encoder": "signvip train --stage 1",
    "guider": "signvip train --stage 1",
    "reference_net": "signvip train --stage 1",
    "denoiser": "signvip train --stage 1",
    "autoencoder": "signvip train --stage 2",
    "translator": "signvip train --stage 3",
    "pose_head": "signvip train --stage 2",
}
EVALUATOR = "signvip train-evaluator"  # makes the parts of an evaluator, which is kept as a run is
OPTIONAL = ("pose_head",)  # what a run may lack and still generate
# What a part settles once it is trained: nothing after it can change these in silence.
SETTLED = {
    "vae": ("size", "fps", "vae", "start.vae"),
    "condition_encoder": ("conditions", "condition_encoder"),
    "guider": ("guider",),
    "reference_net": ("reference_net",),
    "denoiser": ("denoiser",),
}


class Run:
    """A run folder and the configuration that made it."""

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config

    @classmethod
    def open(cls, path: Path) -> Run:
        """Open an existing run; RunError where there is none or its configuration is damaged."""
        try:
            values = parse_object((path / "config.json").read_bytes())
        except FileNotFoundError:
            raise RunError(
                f"There is no run in {path}; start one with: signvip train --stage 1 --run {path}"
            ) from None
        except ValueError as error:
            raise RunError(
                f"{path / 'config.json'} is damaged; restore it or train again with --fresh."
            ) from error
        return cls(path, parse_config(values))

    @classmethod
    def start(cls, path: Path, config: RunConfig) -> Run:
        """Open or create a run that `config` is to be trained in; MismatchError where they differ."""
        run = cls(path, config)
        if (path / "config.json").exists():
            _refuse_change(cls.open(path), config)
        wait()  # until every process has read what was there
        if is_main():
            path.mkdir(parents=True, exist_ok=True)
            for ready in path.glob(f".*{READY}"):
                run._settle(ready)
            write_text(path / "config.json", json.dumps(config.model_dump(mode="json"), indent=2))
        wait()
        return run

    def has(self, part: str) -> bool:
        return (self.path / part / "config.json").is_file()

    def require(self, *parts: str) -> None:
        """Raise RunError with the command that makes the first missing part."""
        for part in parts:
            if not self.has(part):
                raise RunError(
                    f"{self.path} has no trained {part} yet; first run: {MAKERS[part]} --run {self.path}"
                )

    def load(self, part: str, cls: type[Model]) -> Model:
        """Load one trained part; RunError where it is missing, damaged, of another class, or asks for code."""
        self.require(part)
        self._refuse_class(part, cls.__name__)
        remedy = f"{MAKERS.get(part, EVALUATOR)} --fresh makes it again."
        return load_part(self.path / part, cls, remedy).float()  # stored halves are computed with as floats

    def _refuse_class(self, part: str, wanted: str) -> None:
        try:
            found = parse_object((self.path / part / "config.json").read_bytes()).get("_class_name", wanted)
        except ValueError:
            return  # damaged: loading says so
        if found != wanted:
            raise RunError(
                f"{self.path / part} holds {found}, where this configuration asks for {wanted}; first run: "
                f"{MAKERS[part]} --run {self.path}"
            )

    def save(self, part: str, model: ModelMixin) -> None:
        """Save one part whole or not at all; of several processes, the main one writes and all wait."""
        wait()  # until every process has read what was there
        if is_main():
            temporary, ready = self.path / f".{part}.partial", self.path / f".{part}{READY}"
            shutil.rmtree(temporary, ignore_errors=True)
            model.save_pretrained(temporary)
            forget_place(temporary / "config.json")
            os.replace(temporary, ready)
            self._settle(ready)
        wait()

    def _settle(self, ready: Path) -> None:
        """Put a whole part in the place of the old one; killed in between, `start` does it."""
        part = self.path / ready.name.removeprefix(".").removesuffix(READY)
        shutil.rmtree(part, ignore_errors=True)
        os.replace(ready, part)

    def fingerprint(self, *parts: str) -> str:
        """Twelve hex digits of the SHA-256 over the weights and configuration of some parts."""
        digest = hashlib.sha256()
        for part in parts:
            for file in sorted((self.path / part).glob("*")):
                digest.update(file.name.encode())
                digest.update(file.read_bytes())
        return digest.hexdigest()[:12]

    def phase(self, name: str) -> Path:
        """Folder of one training phase."""
        return self.path / "training" / name


def forget_place(path: Path) -> None:
    """Leave out of a part's configuration the folder it was loaded from: it is of this machine, and no trait of it."""
    values = json.loads(path.read_text()) if path.is_file() else {}
    if values.pop("_name_or_path", None) is not None:
        write_text(path, json.dumps(values, indent=2, sort_keys=True) + "\n")


def resolve_config(
    path: Path, preset: str | None, file: Path | None, settings: Sequence[str], flags: Mapping[str, Any]
) -> RunConfig:
    """Like `load_config`, on top of what the run already is, so that stage 2 need not repeat stage 1's options."""
    stored = path / "config.json"
    if preset is not None or not stored.is_file():
        return load_config(preset or default_preset(), file, settings, flags)
    values: dict[str, Any] = Run.open(path).config.model_dump(mode="json")
    for layer in [read_toml(file)] if file else []:
        values = merge(values, layer)
    for setting in settings:
        values = merge(values, parse_setting(setting))
    return parse_config(merge(values, flags))


def default_preset() -> str:
    """`small` where a GPU is present, else `tiny`."""
    try:
        import torch
    except ImportError:  # extraction needs none, and MediaPipe has an environment of its own
        return "tiny"
    return "small" if torch.cuda.is_available() else "tiny"


def _refuse_change(old: Run, config: RunConfig) -> None:
    before, after = old.config.model_dump(mode="json"), config.model_dump(mode="json")
    settled = [key for part, keys in SETTLED.items() if old.has(part) for key in keys]
    changed = [key for key in settled if option(before, key) != option(after, key)]
    if changed:
        raise MismatchError(
            f"{old.path} was trained with another {' and '.join(changed)}; choose a new folder with --run, "
            "or leave these options out to keep the run's own."
        )


__all__ = ["Run", "default_preset", "resolve_config"]
