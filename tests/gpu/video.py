"""What a test starts in a process of its own: stages 1 and 2, `encode` and `tokenize` on a card of the imagination.

Of its own, since torch keeps what it is told of cards for as long as a process lives.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fake_cuda import fake_cuda
from small import make_shards, small_config
from watched import reading_only_what_is_logged

import signvip.stages.stage1  # noqa: F401  (imports that are slow, or look for a card)
from signvip.config import RunConfig, parse_config
from signvip.settings import merge
from signvip.stages import train
from signvip.stages.derive import encode, tokenize

LEAN: dict[str, dict[str, Any]] = {
    "vae": {"block_out_channels": [8, 8]},
    "denoiser": {"block_out_channels": [8, 16], "attention_levels": [True, False], "layers_per_block": 1},
    "autoencoder": {"block_out_channels": [8, 8], "layers_per_block": 1},
    "sampler": {"steps": 1, "window": 4, "overlap": 1, "max_frames": 4},
}
HALF: dict[str, Any] = {"gradient_checkpointing": True, "image": {"steps": 1}, "motion": {"steps": 1}}
HALF["vae"] = {"steps": 1, "crops": {"size": 16}, "edges": 0.5, "noise": [0.1, 0.2]}
HALF |= {"loss": "sample", "timesteps": "sigma", "region_weights": {"hands": 4.0}}
HALF["pixels"] = {"crops": {"size": 16}}
FOLDED = {"block_out_channels": [8], "stem": "pixel_unshuffle", "norm": "pixel", "latent_channels": 8}
READS = merge(LEAN["denoiser"], {"reference_concat": True})
BY_SIGMA = merge(LEAN["sampler"], {"prediction": "v_prediction", "timestep_spacing": "sigma"})


def main(folder: Path) -> None:
    shards = make_shards(folder / "shards", small_config(**LEAN), train=2, dev=1, test=1)
    with fake_cuda() as card, reading_only_what_is_logged(card):
        both_stages(small_config(precision="bf16", **LEAN), shards, folder / "bf16")
        # what goes on from a checkpoint or from what is stored does so in any precision
        once(small_config(precision="no", **LEAN), shards, folder / "no")
        # as the paper's presets train; engine and recomputation belong to torch, and are not run
        others = {"vae": FOLDED, "denoiser": READS, "sampler": BY_SIGMA}
        half = small_config(precision="fp16", stage1=HALF, **{**LEAN, **others})
        train(half, 1, shards=shards, run=folder / "fp16")


def once(config: RunConfig, shards: Path, run: Path) -> None:
    train(config, 1, shards=shards, run=run)
    train(config, 2, shards=shards, run=run)


def both_stages(config: RunConfig, shards: Path, run: Path) -> None:
    train(config, 1, shards=shards, run=run)
    encode(shards, shards, run=run)
    train(longer(config), 1, shards=shards, run=run)  # resumes averages, on latents that are stored
    train(config, 2, shards=shards, run=run)
    encode(shards, shards, run=run)
    train(config, 2, shards=shards, run=run, resume=False)  # on embeddings that are stored
    tokenize(shards, shards, run=run)
    train(grouped(config), 2, shards=shards, run=run)
    tokenize(shards, shards, run=run)


def grouped(config: RunConfig) -> RunConfig:
    """Tokens of the body and of each hand."""
    parts = {"groups": "body+hands", "hand_grid": [8, 8], "hand_channels": [8, 8]}
    return parse_config(
        merge(config.model_dump(mode="json"), {"autoencoder": parts, "stage2": {"hand_weight": 4}})
    )


def longer(config: RunConfig) -> RunConfig:
    """One more step of the phases of images and motion, which average their weights."""
    stage1 = {name: {"steps": 3} for name in ("image", "motion")}
    return parse_config(merge(config.model_dump(mode="json"), {"stage1": stage1}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
