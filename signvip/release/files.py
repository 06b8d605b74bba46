"""Read a release: tensors, without running code, each file known by its keys.

Several files of the release share the name `model.bin`, so names say nothing; keys do.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from signvip.errors import DataError

ENDINGS = (".safetensors", ".bin", ".pt", ".pth", ".ckpt")
WRAPPERS = ("state_dict", "model", "module")  # a checkpoint's weights may lie one level down
PREFIXES = ("module.", "_orig_mod.", "unet.", "model.")
UNET = (
    "conv_in.",
    "time_embedding.",
    "down_blocks.",
    "mid_block.",
    "up_blocks.",
    "conv_norm_out.",
    "conv_out.",
)

VAE = tuple(
    f"{half}.{layer}"
    for half in ("encoder", "decoder")
    for layer in ("conv_", "down_blocks.", "mid_block.", "up_blocks.")
)  # text encoders, too, begin with `encoder.`
OTHERS = ("vae", "stable_diffusion")  # not the authors': published in several files, of which one is enough

MARKS: dict[str, tuple[str, ...]] = {
    "translator": ("trans_base.", "trans_heads."),
    "autoencoder": ("vq.",),
    "condition_encoder": ("backbone.", "gate_module."),
    "guider": ("blocks_", "block_", "motion_modules."),
    "vae": (*VAE, "quant_conv.", "post_quant_conv."),
    "unet": UNET,
}
"""The first words of a part's keys. The condition encoder's file holds the guider's too, and they are told apart."""


@dataclass
class Found:
    """One part's tensors, gathered from one or more files."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)

    def add(self, part: str, tensors: dict[str, Tensor], file: Path) -> None:
        """Take a file's tensors; DataError where they contradict those of another file."""
        twice = sorted(
            key
            for key in set(tensors) & set(self.tensors)
            if not torch.equal(tensors[key], self.tensors[key])
        )
        if twice:
            raise DataError(
                f"{self.files[-1]} and {file} both hold the {part} ({twice[0]} and {len(twice) - 1} more); "
                "give a folder that holds one of them."
            )
        self.tensors.update(tensors)
        self.files.append(file)


@dataclass
class Contents:
    """A release by part, the files that belong to none, and an embedding of the empty prompt where there is one."""

    parts: dict[str, Found] = field(default_factory=dict)
    others: list[Path] = field(default_factory=list)
    empty_prompt: Tensor | None = None

    def add_prompt(self, tensor: Tensor, file: Path) -> None:
        """Take a lone tensor (1, T, C), or (T, C), for the states of the empty prompt."""
        if tensor.ndim in (2, 3) and tensor.shape[:-2].numel() == 1:
            self.empty_prompt = tensor.reshape(1, *tensor.shape[-2:])
        else:
            self.others.append(file)

    def add(self, parts: dict[str, dict[str, Tensor]], file: Path) -> None:
        """Take a file's tensors by part."""
        wanted = {part: own for part, own in parts.items() if part not in OTHERS or part not in self.parts}
        if not wanted:
            self.others.append(file)
        for part, own in wanted.items():
            self.parts.setdefault(part, Found()).add(part, own, file)

    def of(self, part: str) -> dict[str, Tensor]:
        """Return a part's tensors by key; empty where the release lacks it."""
        return self.parts[part].tensors if part in self.parts else {}

    def folder(self, part: str) -> str | None:
        """Return the folder of a part; None where the release lacks it."""
        return str(self.parts[part].files[0].parent) if part in self.parts else None


def read_release(folder: Path) -> Contents:
    """Read every file of weights under a folder; DataError names one that is damaged or wants to run code."""
    contents = Contents()
    for file in sorted(path for path in folder.rglob("*") if path.suffix in ENDINGS):
        tensors = read_tensors(file)
        if isinstance(tensors, Tensor):
            contents.add_prompt(tensors, file)
        else:
            contents.add(_by_part(_without_prefix(tensors)), file)
    return contents


def read_prompt(contents: Contents, file: Path) -> None:
    """Take the states of the empty prompt from a file that lies outside the release."""
    tensors = read_tensors(file)
    if isinstance(tensors, Tensor):
        contents.add_prompt(tensors, file)


def read_tensors(file: Path) -> dict[str, Tensor] | Tensor:
    """Return the tensors of a file by key, or its only tensor; memory is mapped where the format allows."""
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        return _unwrap(torch.load(file, map_location="cpu", weights_only=True, mmap=_is_zip(file)), file)
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{file} holds more than tensors, or is damaged, and is not opened, since a pickle can run code; "
            "download it again, or save its tensors as safetensors."
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        raise DataError(f"{file} is damaged ({type(error).__name__}); download it again.") from error


def _is_zip(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(2) == b"PK"


def _unwrap(value: Any, file: Path) -> dict[str, Tensor] | Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, dict):
        for name in WRAPPERS:
            if isinstance(value.get(name), dict):
                return _unwrap(value[name], file)
        return {str(key): entry.detach() for key, entry in value.items() if isinstance(entry, Tensor)}
    raise DataError(f"{file} holds a {type(value).__name__} where weights belong; give a folder of weights.")


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Take off what wraps all keys of a file, such as `module.` of distributed training."""
    for prefix in PREFIXES:
        if tensors and all(key.startswith(prefix) for key in tensors):
            return _without_prefix({key.removeprefix(prefix): value for key, value in tensors.items()})
    return tensors


def _by_part(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Split a file's tensors by part; a file in which no key is known belongs to none."""
    parts: dict[str, dict[str, Tensor]] = {}
    strangers = {}
    for key, value in tensors.items():
        part = next((part for part, marks in MARKS.items() if key.startswith(marks)), None)
        if part is None:
            strangers[key] = value
        else:
            parts.setdefault(part, {})[key] = value
    if parts and strangers:  # reported as unexpected keys of the part that most of the file belongs to
        parts[max(parts, key=lambda part: len(parts[part]))].update(strangers)
    if "unet" in parts:
        unet = parts.pop("unet")
        parts[_which_unet(unet)] = unet
    return parts


def _which_unet(tensors: dict[str, Tensor]) -> str:
    """Tell apart a U-Net's tensors: motion alone, the Reference Net (no output), or a denoiser."""
    motion = [key for key in tensors if "motion_modules." in key]
    if len(motion) == len(tensors):
        return "motion"
    if not any(key.startswith("conv_out.") for key in tensors):
        return "reference_net"
    return "denoiser" if motion else "stable_diffusion"
