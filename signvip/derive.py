"""`encode` and `tokenize`: shards in, shards out, with what training would compute again and again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from diffusers import AutoencoderKL

from signvip.data.manifest import Manifest
from signvip.data.shards import rewrite_shards
from signvip.errors import RunError
from signvip.models import Autoencoder, ConditionEncoder
from signvip.models.vae import encode_images
from signvip.progress import Reporter, Silent
from signvip.run import Run
from signvip.stages.clips import Clips, to_model

if TYPE_CHECKING:
    from torch import Tensor

# Stored embeddings of the paper's corpus at 272x224 would take 800 GB; recomputing them is cheaper then.
SMALL_ENOUGH = 2_000_000_000
CHUNK = 64  # frames that go through a network together

Compute = Callable[[Clips, int], "dict[str, np.ndarray]"]


def encode(
    shards: Path,
    out: Path,
    *,
    run: Path,
    latents: bool | None = None,
    embeddings: bool | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Add VAE latents (F, 4, h, w) and embeddings e (F, C, h, w), both float16; resumes.

    None means by default: latents as soon as there is a VAE, embeddings once stage 1 is trained and where they
    stay under 2 GB.
    """
    reporter = reporter or Silent()
    opened = Run.open(run)
    computes: dict[str, Compute] = {}
    if latents or (latents is None and opened.has("vae")):
        computes["vae"] = _latents(opened.load("vae", AutoencoderKL))
    if embeddings or (embeddings is None and opened.has("condition_encoder")):
        encoder = opened.load("condition_encoder", ConditionEncoder)
        size = _embedding_bytes(Manifest.read(shards), encoder, opened)
        if embeddings or size <= SMALL_ENOUGH:
            computes["condition_encoder"] = _embeddings(encoder)
        else:
            reporter.say(
                f"Embeddings would take {size / 1e9:.0f} GB and are computed on the fly instead; --embeddings stores them."
            )
    if not computes:
        raise RunError(f"{run} has nothing to encode with yet; first run: signvip train --stage 1 --run {run}")
    for part, compute in computes.items():
        _rewrite(shards, out, opened, part, (part,), compute, reporter)
        shards = out
    return out


def tokenize(shards: Path, out: Path, *, run: Path, reporter: Reporter | None = None) -> Path:
    """Add tokens d (F, N) from stored embeddings, or from the conditions with the same result; resumes."""
    opened = Run.open(run)
    encoder = opened.load("condition_encoder", ConditionEncoder)
    autoencoder = opened.load("autoencoder", Autoencoder)
    stored = Manifest.read(shards).fingerprints.get("condition_encoder") == opened.fingerprint("condition_encoder")
    compute = _tokens(autoencoder, encoder, stored)
    parts = ("autoencoder", "condition_encoder")
    _rewrite(shards, out, opened, "autoencoder", parts, compute, reporter or Silent())
    return out


def _rewrite(
    shards: Path, out: Path, run: Run, name: str, parts: tuple[str, ...], compute: Compute, reporter: Reporter
) -> None:
    manifest = Manifest.read(shards)
    manifest.check_sources(run.config.size, run.config.fps, list(run.config.conditions), shards)
    total = sum(counts.clips_out for counts in manifest.splits.values())
    with reporter.task(f"add {name}", total) as task, torch.no_grad():
        for split in manifest.splits:
            clips = Clips(shards, split, run.config)

            def add(position: int, clips: Clips = clips) -> dict[str, np.ndarray]:
                task.advance()
                return compute(clips, position)

            rewrite_shards(shards, out, split, add, tag=run.fingerprint(*parts))
    manifest.with_fingerprint(name, run.fingerprint(*parts)).write(out)


def _latents(vae: AutoencoderKL) -> Compute:
    vae = _ready(vae)

    def compute(clips: Clips, clip: int) -> dict[str, np.ndarray]:
        frames = clips.frames(clip, range(clips.info(clip)["frames"]))
        return {"latents.npy": _half(encode_images(vae, to_model(frames).to(vae.device), chunk=CHUNK)[0])}

    return compute


def _embeddings(encoder: ConditionEncoder) -> Compute:
    encoder = _ready(encoder)
    return lambda clips, clip: {"embeddings.npy": _half(_embed(encoder, clips, clip))}


def _tokens(autoencoder: Autoencoder, encoder: ConditionEncoder, stored: bool) -> Compute:
    autoencoder, encoder = _ready(autoencoder), _ready(encoder)

    def compute(clips: Clips, clip: int) -> dict[str, np.ndarray]:
        # Stored embeddings are halves: rounding the computed ones alike gives the same tokens either way.
        e = clips.array(clip, "embeddings.npy") if stored else _embed(encoder, clips, clip).half().float()
        tokens = torch.cat([autoencoder.encode(part.to(autoencoder.device)).tokens for part in e.split(CHUNK)])
        kind = np.uint16 if autoencoder.quantizer.vocab_size <= 2**16 else np.uint32
        return {"tokens.npy": tokens.flatten(1).cpu().numpy().astype(kind)}

    return compute


def _embed(encoder: ConditionEncoder, clips: Clips, clip: int) -> Tensor:
    drawn = clips.conditions(clip)
    return torch.cat([encoder(to_model(part).to(encoder.device)).cpu() for part in drawn.split(CHUNK)])


def _ready(model: torch.nn.Module) -> torch.nn.Module:
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def _half(values: Tensor) -> np.ndarray:
    return values.half().cpu().numpy()


def _embedding_bytes(manifest: Manifest, encoder: ConditionEncoder, run: Run) -> int:
    factor = 2**encoder.config.downsamples
    cells = (run.config.size[0] // factor) * (run.config.size[1] // factor)
    return 2 * encoder.embedding_channels * cells * sum(counts.frames for counts in manifest.splits.values())
