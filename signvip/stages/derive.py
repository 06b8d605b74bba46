"""`encode` and `tokenize`: shards in, shards out, with what training would compute again and again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from diffusers import AutoencoderKL

from signvip.data.derived import FIELDS, is_current
from signvip.data.fields import EMBEDDINGS
from signvip.data.fields import encode as encode_field
from signvip.data.manifest import NAME, Manifest
from signvip.data.pixels import to_model
from signvip.data.rewrite import follow, rewrite_shards
from signvip.data.shards import Sample, splits_of
from signvip.errors import RunError
from signvip.models import ConditionEncoder, Tokenizer
from signvip.models.vae import encode_images
from signvip.progress import Reporter, Silent, following
from signvip.run import Run, find_run
from signvip.stages.clips import Clips
from signvip.stages.parts import CHUNK, load_tokenizer, load_vae, tokens_of
from signvip.storage.locks import locked

if TYPE_CHECKING:
    from torch import Tensor

# Stored embeddings of the paper's dataset at 272x224 would take 800 GB; recomputing them is cheaper then.
SMALL_ENOUGH = 500_000_000  # bytes

Compute = Callable[[Clips, int], np.ndarray]
Network = TypeVar("Network", bound=torch.nn.Module)


def encode(
    shards: Path,
    out: Path,
    *,
    run: Path,
    latents: bool | None = None,
    embeddings: bool | None = None,
    reporter: Reporter | None = None,
) -> Path:
    """Add VAE latents (F, C, h, w) and embeddings e (F, C, h, w), both float16; resumes.

    None means by default: latents as soon as there is a VAE and the shards hold videos, embeddings once stage 1 is
    trained and where they stay under 500 MB.
    """
    reporter = reporter or Silent()
    opened = Run.open(find_run(str(run)))
    with _alone(shards, out, opened.path, reporter):
        return _encode(shards, out, opened, latents, embeddings, reporter)


def _encode(
    shards: Path, out: Path, opened: Run, latents: bool | None, embeddings: bool | None, reporter: Reporter
) -> Path:
    manifest = Manifest.read(shards)
    if latents:
        manifest.check_video(shards, "encode --latents")
    computes: dict[str, Compute] = {}
    if latents or (latents is None and opened.has("vae") and manifest.video):
        computes["vae"] = _latents(load_vae(opened))
    if embeddings or (embeddings is None and opened.has("condition_encoder")):
        encoder = opened.load("condition_encoder", ConditionEncoder)
        size = _embedding_bytes(manifest, encoder, opened)
        if embeddings or size <= SMALL_ENOUGH:
            computes["condition_encoder"] = _embeddings(encoder)
        else:
            reporter.say(
                f"Embeddings would take {size / 1e9:.0f} GB; they are computed on the fly (--embeddings stores them)."
            )
    if not computes:
        raise RunError(
            f"{opened.path} has nothing to encode with yet; first run: signvip train --stage 1 --run {opened.path}"
        )
    for part, compute in computes.items():
        _rewrite(shards, out, opened, part, (part,), compute, reporter)
        shards = out
    return out


def tokenize(shards: Path, out: Path, *, run: Path, reporter: Reporter | None = None) -> Path:
    """Add tokens d (F, N) from stored embeddings, or from the conditions with the same result; resumes."""
    reporter = reporter or Silent()
    opened = Run.open(find_run(str(run)))
    with _alone(shards, out, opened.path, reporter):
        encoder = opened.load("condition_encoder", ConditionEncoder)
        tokenizer = load_tokenizer(opened)
        stored = is_current(shards, "condition_encoder", opened.fingerprint("condition_encoder"))
        compute = _tokens(tokenizer, encoder, stored)
        parts = ("autoencoder", "condition_encoder")
        _rewrite(shards, out, opened, "autoencoder", parts, compute, reporter)
    return out


@contextmanager
def _alone(shards: Path, out: Path, run: Path, reporter: Reporter) -> Iterator[None]:
    """Write `out` alone, from shards and a run that nobody else changes in the meantime."""
    with (
        locked(out, say=reporter.say),
        nullcontext() if out.resolve() == shards.resolve() else locked(shards, "read", say=reporter.say),
        locked(run, "read", say=reporter.say),
    ):
        yield


def _rewrite(
    shards: Path, out: Path, run: Run, name: str, parts: tuple[str, ...], compute: Compute, reporter: Reporter
) -> None:
    manifest = Manifest.read(shards)
    manifest.check_sources(run.config.size, run.config.fps, list(run.config.conditions), shards)
    stamp = run.fingerprint(*parts)
    _claim_nothing(manifest, name, shards, out)
    if out.resolve() != shards.resolve():
        manifest = manifest.model_copy(update={"made_from": os.path.relpath(shards.resolve(), out.resolve())})
        for split, ids in follow(shards, out).items():
            reporter.say(f"Took out of {split} what {shards} no longer has: {', '.join(ids)}.")
    for split in splits_of(shards):
        clips = Clips(shards, split, run.config)
        position = {key: index for index, key in enumerate(clips.index.keys)}

        def add(
            sample: Sample, clips: Clips = clips, position: dict[str, int] = position
        ) -> dict[str, bytes]:
            with torch.no_grad():
                return {FIELDS[name]: encode_field(FIELDS[name], compute(clips, position[sample.key]))}

        with reporter.task(f"{FIELDS[name]}, {split}", len(clips)) as task:
            rewrite_shards(
                shards, out, add, names=[FIELDS[name]], stamp=stamp, splits=[split], progress=following(task)
            )
    manifest.with_fingerprint(name, stamp).write(out)


def _claim_nothing(manifest: Manifest, name: str, shards: Path, out: Path) -> None:
    """Until all is written: half of it may be by other weights, or missing, where the command is killed."""
    if out.resolve() == shards.resolve():
        manifest.without_fingerprint(name).write(out)
        return
    if (out / NAME).exists():
        manifest.refuse_another(Manifest.read(out), out)
    (out / NAME).unlink(missing_ok=True)


def _latents(vae: AutoencoderKL) -> Compute:
    vae = _ready(vae)

    def compute(clips: Clips, clip: int) -> np.ndarray:
        frames = clips.frames(clip, range(clips.info(clip)["frames"]))
        return _half(encode_images(vae, to_model(frames).to(vae.device), chunk=CHUNK)[0]).numpy()

    return compute


def _embeddings(encoder: ConditionEncoder) -> Compute:
    encoder = _ready(encoder)
    return lambda clips, clip: _half(_embed(encoder, clips, clip)).numpy()


def _tokens(tokenizer: Tokenizer, encoder: ConditionEncoder, stored: bool) -> Compute:
    tokenizer, encoder = _ready(tokenizer), _ready(encoder)
    kind = np.uint16 if tokenizer.vocab_size <= 2**16 else np.uint32

    def compute(clips: Clips, clip: int) -> np.ndarray:
        def embed() -> Tensor:
            # Stored embeddings are halves: rounding the computed ones alike gives the same tokens either way.
            return clips.array(clip, EMBEDDINGS) if stored else _half(_embed(encoder, clips, clip)).float()

        return tokens_of(tokenizer, clips, clip, embed).cpu().numpy().astype(kind)

    return compute


def _embed(encoder: ConditionEncoder, clips: Clips, clip: int) -> Tensor:
    drawn = clips.conditions(clip)
    return torch.cat([encoder(to_model(part).to(encoder.device)).cpu() for part in drawn.split(CHUNK)])


def _ready(model: Network) -> Network:
    return model.eval().to("cuda" if torch.cuda.is_available() else "cpu")


def _half(values: Tensor) -> Tensor:
    """Convert to halves, which shards store; RunError where they are not finite, or too large for a half."""
    halves = values.half().cpu()
    if not bool(halves.isfinite().all()):
        raise RunError(
            f"The run's networks give values up to {float(values.abs().max()):.3g}, which no shard can hold: its "
            "training went astray; train stage 1 again with --fresh."
        )
    return halves


def _embedding_bytes(manifest: Manifest, encoder: ConditionEncoder, run: Run) -> int:
    cells = (run.config.size[0] // encoder.factor) * (run.config.size[1] // encoder.factor)
    return 2 * encoder.embedding_channels * cells * sum(counts.frames for counts in manifest.splits.values())
