"""A run: the folder that a training leaves behind and that the pipeline, diffusers and the hub can load.

config.json                     what built it
model_index.json, vae/, condition_encoder/, guider/, reference_net/, denoiser/, autoencoder/,
pose_head/, pose_drawer/, reference_head/, translator/, scheduler/
                                the parts, each as soon as it is trained
training/<phase>/               checkpoints, metrics.jsonl, TensorBoard, samples to look at
clips/                          shards of test clips, where some travel with the run: what `signvip demo` shows
references/                     pictures of signers, where some travel with the run: what `signvip serve` offers
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from signvip.config import RunConfig, load_config, parse_config, with_conditions, with_steps
from signvip.errors import MismatchError, RunError
from signvip.settings import merge, option, parse_setting, read_toml
from signvip.storage import fits
from signvip.storage.files import write_text
from signvip.storage.json_files import parse_object
from signvip.storage.loading import INDEX, load_part
from signvip.storage.processes import is_main, wait

if TYPE_CHECKING:
    from diffusers import ModelMixin

Model = TypeVar("Model", bound="ModelMixin")

EMBEDDED = "embedded"  # instead of a folder: the model that travels with the package
REFERENCES = "references"  # folder of a run, with one PNG or JPEG for each signer; few runs have one

PARTIAL, READY = (
    ".parts.partial",
    ".parts.ready",
)  # parts being written; those that are whole, to be put in place
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
    "pose_drawer": "signvip train --stage 2",
    "reference_head": "signvip train --stage 2",
}
BACK_TRANSLATOR = (
    "signvip train-back-translator"  # makes the parts of a back-translator, which is kept as a run is
)
# What reads, moves and draws the poses that guide pictures; no stage of the paper has any.
OF_POSES = ("pose_head", "pose_drawer", "reference_head")
# What a run may lack and still generate: not every denoiser has networks that are stored apart.
OPTIONAL = (*OF_POSES, "guider", "reference_net")
# The noise that a denoiser was trained on; what else is in [sampler] says how to sample.
NOISE = ("train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction", "zero_terminal_snr")
# What a part settles once it is trained: nothing after it can change these in silence.
SETTLED = {
    "vae": ("size", "fps", "vae", "start.vae"),
    "condition_encoder": ("conditions", "condition_encoder"),
    "guider": ("guider",),
    "reference_net": ("reference_net",),
    "denoiser": ("denoiser", *(f"sampler.{name}" for name in NOISE)),
}


def embedded_run() -> Path:
    """Return the folder of the model that travels with the package."""
    return Path(str(files("signvip") / "embedded"))


def find_run(name: str) -> Path:
    """Return the folder of a run by its path, or of the embedded model by its name."""
    return embedded_run() if name == EMBEDDED and not Path(name).exists() else Path(name)


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
            refuse_change(cls.open(path), config, [part for part in SETTLED if run.has(part)])
        wait()  # until every process has read what was there
        if is_main():
            path.mkdir(parents=True, exist_ok=True)
            run._settle()
            write_text(path / "config.json", json.dumps(config.model_dump(mode="json"), indent=2))
        wait()
        return run

    def has(self, part: str) -> bool:
        return fits.has(self.path, part)

    def require(self, *parts: str) -> None:
        """Raise RunError with the command that makes the first missing part."""
        for part in parts:
            if not self.has(part):
                raise RunError(
                    f"{self.path} has no trained {part} yet; first run: {MAKERS[part]} --run {self.path}"
                )

    def load(self, part: str, cls: type[Model]) -> Model:
        """Load one trained part; RunError where it is missing, damaged, of another class, or does not fit."""
        self.require(part)
        self._refuse_class(part, cls.__name__)
        fits.refuse_misfits(self.path, [part])
        remedy = f"{MAKERS.get(part, BACK_TRANSLATOR)} --fresh makes it again."
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
        """Save one part, whole or not at all."""
        self.save_all({part: model})

    def save_all(self, models: Mapping[str, ModelMixin]) -> None:
        """Save parts that were trained together, all or none; of several processes the main one writes, and all wait.

        Each notes what it was trained against. RunError where a number in one is not finite.
        """
        from signvip.storage.finite import broken_weight

        for part, model in models.items():
            if (name := broken_weight(model)) is not None:
                raise RunError(
                    f"{part} is not stored: {name} of it holds numbers that are not finite; train it again with a "
                    "smaller learning rate."
                )

        def write(part: str, folder: Path) -> None:
            models[part].save_pretrained(folder)
            forget_place(folder / "config.json")

        self._put(tuple(models), write)

    def copy_all(self, other: Run, parts: Sequence[str]) -> None:
        """Copy parts of another run as they are, all or none, so that what was made by them there fits here."""
        self._put(parts, lambda part, folder: shutil.copytree(other.path / part, folder))

    def copy_index(self, other: Run) -> None:
        """Copy what makes another run loadable as a whole, where it is; its parts must be here."""
        if is_main() and (other.path / INDEX).is_file():
            shutil.copytree(other.path / "scheduler", self.path / "scheduler", dirs_exist_ok=True)
            shutil.copy(other.path / INDEX, self.path / INDEX)
        wait()

    def _put(self, parts: Sequence[str], write: Callable[[str, Path], object]) -> None:
        """Let the main process write each of some parts into a folder, and put them all in place; the others wait."""
        wait()  # until every process has read what was there
        if is_main():
            self._settle()
            partial = self.path / PARTIAL
            shutil.rmtree(partial, ignore_errors=True)
            for part in parts:
                write(part, partial / part)
            fits.note(partial, *parts, beside=self.path)
            os.replace(partial, self.path / READY)
            self._settle()
        wait()

    def _settle(self) -> None:
        """Put whole parts in the place of the old ones; killed in between, the next start does it."""
        ready = self.path / READY
        for part in sorted(ready.glob("*")):
            shutil.rmtree(self.path / part.name, ignore_errors=True)
            os.replace(part, self.path / part.name)
        if ready.is_dir():
            ready.rmdir()

    def fingerprint(self, *parts: str) -> str:
        """Twelve hex digits of the SHA-256 over the weights and configuration of some parts."""
        return fits.fingerprint(self.path, *parts)

    @property
    def clips(self) -> Path:
        """Folder of the shards of test clips that travel with a run; few runs have one."""
        return self.path / "clips"

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


def training_config(
    path: Path,
    stage: int,
    *,
    start: str | None = None,
    preset: str | None = None,
    file: Path | None = None,
    settings: Sequence[str] = (),
    plugins: Mapping[str, str | None] | None = None,
    conditions: Sequence[str] = (),
    steps: int | None = None,
) -> RunConfig:
    """Merge what is asked of a stage onto the run in `path`, or onto a preset; `plugins` are names by their part.

    A new run that goes on from another, which `start` names, begins with that one's configuration.
    A plugin's name is also laid beneath the settings, so that in `--quantizer sign --set quantizer.channels=10` the
    option is one of `sign`, not of the quantizer that the preset names. `steps` are those of each phase of the stage.
    """
    named = {part: name for part, name in (plugins or {}).items() if name is not None}
    first = [f"{part}.name={name}" for part, name in named.items()]
    flags: dict[str, Any] = {part: {"name": name} for part, name in named.items()}
    base = path
    if start is not None:
        flags["start"] = {"run": start}
        base = path if (path / "config.json").is_file() else find_run(start)
        Run.open(base)  # or say that there is none
    config = resolve_config(base, preset, file, [*first, *settings], flags)
    return with_steps(with_conditions(config, conditions), stage, steps)


def default_preset() -> str:
    """`small` where a GPU is present, else `tiny`."""
    try:
        import torch
    except ImportError:  # extraction needs none, and MediaPipe has an environment of its own
        return "tiny"
    return "small" if torch.cuda.is_available() else "tiny"


def refuse_change(old: Run, config: RunConfig, parts: Sequence[str]) -> None:
    """MismatchError where a configuration differs from a run's in what these parts settle."""
    before, after = old.config.model_dump(mode="json"), config.model_dump(mode="json")
    settled = [key for part in parts for key in SETTLED[part]]
    changed = [key for key in settled if option(before, key) != option(after, key)]
    if changed:
        raise MismatchError(
            f"{old.path} was trained with another {' and '.join(changed)}; choose a new folder with --run, "
            "or leave these options out to keep the run's own."
        )


__all__ = ["Run", "default_preset", "resolve_config", "training_config"]
