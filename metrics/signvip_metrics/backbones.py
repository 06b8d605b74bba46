"""Weights of the networks that metrics look through: files that a user brings, since none may travel with a package.

A metric carries its published name only with the published network. Any other file gives a distance all the same, under
another name and with the file's checksum, because its values mean nothing beside published ones.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import torch
from torch import nn

from signvip.errors import DataError

MEGABYTE = 10**6
HUB = "hf:"  # before the name of a file on the hub


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def described(path: Path) -> str:
    """Return a file as signatures name it."""
    return f"{path.name} (sha256 {checksum(path)[:12]})"


def require_file(metric: str, path: Path) -> Path:
    """Return the path of a file, or of the copy of one on the hub; a sentence where there is no such file."""
    found = _from_hub(str(path).removeprefix(HUB)) if str(path).startswith(HUB) else path
    if found is None or not found.is_file():
        raise DataError(
            f"{metric} finds no file {path}; give the file of its network with --weights {metric}=PATH, or one on the "
            f"hub with --weights {metric}={HUB}OWNER/NAME/FILE."
        )
    return found


def _from_hub(name: str) -> Path | None:
    """`OWNER/NAME/FILE` of the hub, fetched once and kept by its library; None where it cannot be had."""
    from huggingface_hub import hf_hub_download

    owner, _, rest = name.strip("/").partition("/")
    repository, _, file = rest.partition("/")
    if not file:
        return None
    try:
        return Path(hf_hub_download(f"{owner}/{repository}", file))
    except (OSError, ValueError):  # also what the hub's own errors are
        return None


def load_script(metric: str, path: Path) -> nn.Module:
    """Return a TorchScript file on the device that is there."""
    try:
        network: nn.Module = torch.jit.load(str(require_file(metric, path)), map_location=device())
    except (RuntimeError, ValueError) as error:
        raise DataError(
            f"{path} is not a TorchScript file, which {metric} takes; docs/reference/evaluation.md names it."
        ) from error
    return network.eval()


def load_tensors(metric: str, path: Path) -> dict[str, Any]:
    """Return a state dict that holds tensors alone; nothing in it is executed."""
    try:
        return dict(torch.load(require_file(metric, path), map_location="cpu", weights_only=True))
    except Exception as error:  # unpickling fails in many ways
        raise DataError(f"{path} is not a file of weights that {metric} can read ({error}).") from error


def at_least(path: Path, megabytes: int) -> bool:
    """Say whether a file is as large as a published one, for networks that are published in several files."""
    return path.stat().st_size >= megabytes * MEGABYTE


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
