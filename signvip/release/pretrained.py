"""Load what a release leaves out, by hub id or folder: Stable Diffusion's U-Net and text encoder, and a VAE."""

from __future__ import annotations

import os
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor

from signvip.errors import DataError
from signvip.models.published import ORIGINS, STABLE_DIFFUSION, Origin
from signvip.storage.hub import is_hub_id

VAE = ORIGINS["vae"].hub


def fetch(source: str) -> Path:
    """Return a local folder, or a snapshot of a hub id; DataError where there is neither."""
    folder = Path(source)
    if folder.is_dir():
        return folder
    if folder.exists() or not is_hub_id(source):
        raise DataError(f"There is no folder {source}; give the release's folder or its hub id, owner/name.")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(source))
    except Exception as error:  # offline, unknown, gated: the hub has a dozen errors for it
        raise DataError(
            f"{source} cannot be fetched from the hub ({type(error).__name__}); download it elsewhere and give its "
            "folder."
        ) from error


def find_pipeline(folder: Path) -> str | None:
    """Return a Stable Diffusion folder inside a release, known by its tokenizer and text encoder."""
    found = [
        path.parent for path in sorted(folder.rglob("tokenizer")) if (path.parent / "text_encoder").is_dir()
    ]
    return str(found[0]) if found else None


def find_prompt(name: str) -> Path | None:
    """Find the states of the empty prompt in or beside a folder of Stable Diffusion, by the name the authors use."""
    folder = Path(os.path.abspath(name))
    places = (folder, folder.parent) if folder.is_dir() else ()
    files = (place / "empty_text_emb.pt" for place in places)
    return next((file for file in files if file.is_file()), None)


def load_unet(name: str) -> dict[str, Tensor]:
    """Weights of Stable Diffusion's U-Net, by its names."""
    try:
        return UNet2DConditionModel.from_pretrained(name, subfolder="unet").state_dict()
    except (OSError, ValueError) as error:
        raise DataError(
            f"This release has no full U-Net, and Stable Diffusion 1.5 is not at hand in {name} "
            f"({type(error).__name__}); give a folder by --stable-diffusion, or get {STABLE_DIFFUSION} "
            f"({_about(ORIGINS['unet'])})."
        ) from error


def load_vae(name: str) -> AutoencoderKL:
    """Load a VAE with its configuration."""
    try:
        return AutoencoderKL.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise DataError(
            f"This release has no VAE, and there is none at hand in {name} ({type(error).__name__}); give a folder by "
            f"--vae, or get {VAE} ({_about(ORIGINS['vae'])})."
        ) from error


@torch.no_grad()
def empty_prompt(name: str) -> Tensor:
    """Text states (1, T, C) of "", which the authors' U-Nets are always fed and their release does not hold."""
    from transformers import CLIPTextModel, CLIPTokenizer

    try:
        tokenizer = CLIPTokenizer.from_pretrained(name, subfolder="tokenizer")
        encoder = CLIPTextModel.from_pretrained(name, subfolder="text_encoder").float()
    except (OSError, ValueError, TypeError) as error:
        raise DataError(
            "The embedding of the empty prompt is not in the release, and the text encoder that makes it is not at "
            f"hand in {name} ({type(error).__name__}); give a folder by --stable-diffusion, or get {STABLE_DIFFUSION} "
            f"({_about(ORIGINS['text_encoder'])})."
        ) from error
    pieces = tokenizer("", padding="max_length", max_length=tokenizer.model_max_length, return_tensors="pt")
    return encoder(pieces["input_ids"]).last_hidden_state


def _about(origin: Origin) -> str:
    return f"{origin.size}, {origin.licence}"
