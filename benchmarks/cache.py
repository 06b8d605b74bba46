"""The worth of cached latents and tokens, as ratios: in the loader, and in a training step of stage I.

    python benchmarks/cache.py --output cache.json

The loader reads frames and drawn conditions of an embedded clip at the size of PHOENIX-2014T, or latents and tokens
of the same frames; `predicted` is the number of values that each side makes. A step of the image phase encodes its
frames or gets their latents, and must give the same loss; networks and VAE have random weights and a fraction
(`--shrink`) of the paper's width, and `predicted` is the ratio of operations.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import torch
from compare import Row, arguments, compare, compare_work, report
from torch import Tensor

import signvip
from signvip.config import RunConfig, load_config
from signvip.data.fields import LATENTS, TOKENS
from signvip.data.fields import encode as encode_field
from signvip.data.pixels import to_model
from signvip.data.preprocess import preprocess
from signvip.data.rewrite import rewrite_shards
from signvip.data.sample import Recipe
from signvip.models import ConditionEncoder, VideoDenoiser
from signvip.models.vae import build_vae, encode_images
from signvip.stages.clips import Clips
from signvip.stages.video import WithLatents
from signvip.stages.video_loss import VideoDiffusion

PICKS, TOKENS_A_FRAME = 24, 12


def one_clip(folder: Path, config: RunConfig) -> Clips:
    """Return a clip of the embedded dataset with latents and tokens of random values."""
    reader = signvip.build(
        "dataset", "toysign", size=config.size, fps=config.fps, train=1, dev=0, test=0, train_signers=1
    )
    preprocess(Recipe.of(reader, config), folder, splits=["train"])
    random = np.random.default_rng(0)

    def add(sample) -> dict[str, bytes]:
        frames = sample.load("json")["frames"]
        latents = random.normal(size=(frames, 4, config.size[0] // 8, config.size[1] // 8)).astype(np.float16)
        tokens = random.integers(0, 625, (frames, TOKENS_A_FRAME)).astype(np.uint16)
        return {LATENTS: encode_field(LATENTS, latents), TOKENS: encode_field(TOKENS, tokens)}

    rewrite_shards(folder, folder, add, names=[LATENTS, TOKENS], stamp="random")
    return Clips(folder, "train", config)


def loader_row(config: RunConfig, repeats: int) -> dict[str, Row]:
    with tempfile.TemporaryDirectory() as folder:
        clips = one_clip(Path(folder), config)
        total = clips.info(0)["frames"]
        first = (total - PICKS) // 2
        picks = range(first, first + PICKS)
        read = [clips.array(0, LATENTS), clips.array(0, TOKENS)]
        made = [clips.frames(0, picks), clips.conditions(0, picks)]

        # the two sides give different things for the same frames: only their number can be the same
        def cached() -> list[Tensor]:
            return [torch.tensor(len(clips.array(0, field)[picks])) for field in (LATENTS, TOKENS)]

        def decoded() -> list[Tensor]:
            return [torch.tensor(len(load(0, picks))) for load in (clips.frames, clips.conditions)]

        predicted = sum(x.numel() for x in made) / sum(x.numel() for x in read)
        row = {"predicted": predicted, **compare(cached, decoded, repeats)}
    return {f"{PICKS} of {total} frames: latents and tokens against mp4 and drawings": row}


def step_row(config: RunConfig, shrink: int, frames: int, repeats: int) -> dict[str, Row]:
    torch.manual_seed(0)
    widths = tuple(width // shrink for width in (320, 640, 1280, 1280))
    options = {
        "block_out_channels": widths,
        "attention_levels": (True, True, True, False),
        "attention_heads": 4,
        "norm_num_groups": 32 // shrink,
        "cross_attention_dim": 768 // shrink,
    }
    encoder = ConditionEncoder(channels=tuple(width // shrink for width in (16, 32, 96, 256)))
    denoiser = VideoDenoiser("animatediff", 4, encoder.embedding_channels, options)
    nets = VideoDiffusion(config, encoder, denoiser)
    vae = build_vae(
        **{**config.vae, "norm_num_groups": 32 // shrink}
        | {"block_out_channels": [width // shrink for width in config.vae["block_out_channels"]]}
    )
    module = WithLatents(nets, vae.eval().requires_grad_(False))
    pixels = torch.randint(0, 256, (frames + 1, 3, *config.size), dtype=torch.uint8)
    given = {
        "conditions": torch.randint(0, 256, (1, frames, 6, *config.size), dtype=torch.uint8),
        "frames": pixels[None, :-1],
        "reference_frame": pixels[-1:],
    }
    latents = encode_images(vae, to_model(pixels))[0]
    stored = {"conditions": given["conditions"], "latents": latents[None, :-1], "reference": latents[-1:]}

    def step(batch: dict[str, Tensor]) -> list[Tensor]:
        torch.manual_seed(1)  # the same noise, timestep and dropout on both sides
        module.zero_grad()
        loss, _ = module(batch)
        loss.backward()
        return [loss.detach()]

    row = compare_work(lambda: step(stored), lambda: step(given), repeats)
    return {f"a step of the image phase, {frames} frames: latents stored against encoded": row}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--shrink", type=int, default=4, help="divides the width of all networks")
    parser.add_argument("--frames", type=int, default=4, help="of the training step, beside the reference")
    options = parser.parse_args()
    config = load_config("rwth")
    rows = loader_row(config, options.repeats)
    report({**rows, **step_row(config, options.shrink, options.frames, options.repeats)}, options)


if __name__ == "__main__":
    main()
