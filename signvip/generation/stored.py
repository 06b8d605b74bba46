"""A pipeline's folder: found, checked and read part by part, so that diffusers imports nothing that it names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from diffusers.schedulers.scheduling_utils import KarrasDiffusionSchedulers
from pydantic import ValidationError

from signvip.config import RunConfig
from signvip.contracts import Config
from signvip.errors import ConfigError, MismatchError, RunError
from signvip.models import PoseDrawer, PoseHead, Tokenizer, TokenTranslator, VideoDenoiser
from signvip.models.video_denoiser import INDEXED, read_denoiser
from signvip.run import MAKERS, Run
from signvip.sampling.options import OF_A_PIPELINE, Sampler
from signvip.sampling.sampler import refuse_other_schedule
from signvip.settings import FIRST_DENOISER, Rate, Side, explain
from signvip.storage import fits
from signvip.storage.files import write_text
from signvip.storage.hub import is_hub_id
from signvip.storage.loading import INDEX, SCHEDULE, check_part, load_part, load_scheduler, now_in, read_index

MODELS = ("vae", "denoiser", "autoencoder", "translator")
# What each part of a stored pipeline is or derives from; any other class is refused before it is imported.
BASES = {
    "vae": AutoencoderKL,
    "denoiser": VideoDenoiser,
    "autoencoder": Tokenizer,
    "translator": TokenTranslator,
    "pose_head": PoseHead,
    "pose_drawer": PoseDrawer,
    "reference_head": PoseHead,
}
SCHEDULERS = (*KarrasDiffusionSchedulers.__members__, "LCMScheduler")


class _Shape(Config):
    height: Side = 64
    width: Side = 64
    fps: Rate = 12.0


def find_run(name: Any, download: Callable[[Any], Any]) -> Path:
    """Return the folder of a run, or of one that is fetched from the hub; RunError where there is none."""
    if not isinstance(name, str | os.PathLike):
        raise RunError(
            f"A run is a folder or a hub id, and no {type(name).__name__}; give one such as runs/default."
        )
    folder = Path(name)
    try:
        there = folder.exists()
    except OSError as error:
        raise RunError(
            f"{str(folder)[:80]} is not a folder ({error.strerror}); give a run's, or a hub id."
        ) from error
    if there or not is_hub_id(str(name)):
        return folder
    try:
        return Path(download(name))
    except Exception as error:  # offline, unknown, gated: the hub has a dozen errors for it
        raise RunError(
            f"There is no run in {folder}, and it cannot be fetched from the hub ({type(error).__name__}); check "
            "the name, or download it elsewhere and give its folder."
        ) from error


def read_parts(folder: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Load all parts of a stored pipeline but those that are `given`, and return both; RunError where one is amiss."""
    _check_finished(folder)
    named, values = read_index(folder, BASES, SCHEDULERS, INDEXED)
    check_values(folder, values)
    _check_given(given)
    if (folder / "config.json").is_file():
        _refuse_others(folder, values, Run.open(folder).config, scheduler="scheduler" not in given)
    missing = [part for part in (*MODELS, "scheduler") if part not in named and part not in given]
    if missing:
        raise RunError(f"{folder / INDEX} names no {missing[0]}; restore it, or get the run again.")
    replaced = {*given, *(INDEXED if "denoiser" in given else ())}
    wanted = {part: kind for part, kind in named.items() if part not in replaced}
    remedies = {
        part: f"get the run again, or: {MAKERS.get(part, 'signvip train')} --fresh" for part in wanted
    }
    dtype, variant = given.get("torch_dtype"), given.get("variant")

    def load(part: str, kind: type[Any]) -> Any:
        if part not in wanted:
            raise RunError(f"{folder / INDEX} names no {part}; restore it, or get the run again.")
        model: torch.nn.Module = load_part(folder / part, kind, remedies[part], variant=variant)
        return model.to(dtype) if isinstance(dtype, torch.dtype) else model

    for part in wanted:
        if part != "scheduler":
            check_part(folder / part, remedies[part])  # all of them, before the first is loaded
    fits.refuse_misfits(folder)
    parts = {name: value for name, value in given.items() if name != "variant"}
    for part, kind in sorted(wanted.items(), key=lambda item: item[0] != "scheduler"):
        if isinstance(kind, str):
            parts[part] = load_scheduler(folder / part, kind, remedies[part])
        elif kind is not None:
            parts[part] = load(part, kind)
        elif part == "denoiser":
            parts[part] = read_denoiser(_denoiser_of(folder), load)
    return parts


def with_one_denoiser(index: Any) -> Any:
    """Return `model_index.json` as diffusers is to see it: with one denoiser, whatever that is stored as."""
    if not isinstance(index, dict):
        return index
    index = {name: now_in(value) for name, value in index.items()}
    if index.get("denoiser") != INDEXED["denoiser"]:
        return index
    whole = {"denoiser": [VideoDenoiser.__module__, VideoDenoiser.__name__]}
    return {name: value for name, value in index.items() if name not in INDEXED} | whole


def name_parts(folder: Path, denoiser: VideoDenoiser) -> None:
    """Name in `model_index.json` all parts that a denoiser stores apart."""
    parts = denoiser.parts()
    if parts.get("denoiser") is not denoiser:
        path = folder / INDEX
        index = json.loads(path.read_text(encoding="utf-8")) | {part: INDEXED[part] for part in parts}
        write_text(path, json.dumps(index, indent=2, sort_keys=True) + "\n")


def check_values(folder: Path, values: Mapping[str, Any]) -> None:
    """Refuse sizes and options of a stored pipeline that no configuration could have."""
    sampler = {name: values[name] for name in OF_A_PIPELINE if name in values}
    shape = {name: values[name] for name in ("height", "width", "fps") if name in values}
    try:
        Sampler.model_validate(sampler, strict=True)
        _Shape.model_validate(shape, strict=True)
    except ValidationError as error:
        faults = explain(error, prefix=str(folder / INDEX), known=OF_A_PIPELINE)
        raise RunError(f"{faults}; restore it, or get the run again.") from error


def _check_given(parts: Mapping[str, Any]) -> None:
    """Raise ConfigError for what cannot replace a run's own part, or for an unknown precision."""
    for part in (*MODELS, "scheduler"):
        if part in parts and not hasattr(parts[part], "config"):
            raise ConfigError(
                f"{part} is {str(parts[part])[:40]!r}; give a network or a scheduler, or leave it out."
            )
    dtype = parts.get("torch_dtype")
    if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise ConfigError(f"torch_dtype is {dtype!r}; give torch.float32, torch.bfloat16 or torch.float16.")


def _refuse_others(folder: Path, values: Mapping[str, Any], config: RunConfig, *, scheduler: bool) -> None:
    """MismatchError for a size, a rate or a noise schedule that are not those that the run was trained with."""
    trained = {"height": config.size[0], "width": config.size[1], "fps": config.fps}
    for name, wanted in trained.items():
        if values.get(name, wanted) != wanted:
            raise MismatchError(
                f"{folder / INDEX} has {name}={values[name]}, the run was trained with {wanted}; restore it, or get "
                "the run again."
            )
    if scheduler:
        refuse_other_schedule(folder / "scheduler" / SCHEDULE, config.sampler)


def _denoiser_of(folder: Path) -> str:
    """Return the name of a denoiser that is stored in several folders, which do not tell it."""
    if (folder / "config.json").is_file():
        return Run.open(folder).config.denoiser.name
    return FIRST_DENOISER


def _check_finished(folder: Path) -> None:
    """RunError for a run that is not finished."""
    if (folder / "config.json").is_file():
        Run.open(folder).require(*MODELS)
    if not (folder / INDEX).is_file():
        raise RunError(
            f"{folder} is not a finished run; train its three stages first: signvip train --stage 1, 2, 3."
        )
