"""A run's pictures from true conditions at several numbers of sampling steps, beside the VAE alone and a still picture.

    python benchmarks/steps.py RUN SHARDS --steps 1 2 4 8 50 --clips 8 --frames 32 --output steps.json

Every row is made of the same test clips, of the first frames of each; frames that equal the reference do not count.
What is kept is each clip's score, so that rows can be compared by pairs: brackets hold the 95 % interval of a
bootstrap over clips, and the second table has each row less the row of `--base` steps. Seconds a frame are of the
denoiser and the VAE, without loading.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch

from signvip.data.baseline import STILL, counting, still
from signvip.data.picture_scores import face_ssim, hand_psnr, hand_ssim, psnr, ssim
from signvip.data.pixels import to_model, to_pixels
from signvip.generate import GenerateOptions
from signvip.models.vae import decode_latents, encode_images
from signvip_lab.evaluation.chain import Chain

PARTS = {"hand SSIM": hand_ssim, "hand PSNR": hand_psnr, "face SSIM": face_ssim}
RESAMPLES, SEED = 2000, 0
VAE = "VAE alone"
Scores = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--steps", type=int, nargs="+", default=[1, 2, 4, 8, 50])
    parser.add_argument("--base", type=int, default=4)
    parser.add_argument("--clips", type=int, default=8)
    parser.add_argument("--frames", type=int, default=32, help="of each clip, from its first on")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    clips = [clip for clip in measure(options) if clip]
    rows = {row: {name: [clip[row][name] for clip in clips] for name in clips[0][row]} for row in clips[0]}
    show(rows, f"{options.base} steps")
    if options.output is not None:
        options.output.write_text(json.dumps({"clips": len(clips), "rows": rows}, indent=2) + "\n")


@torch.no_grad()
def measure(options: argparse.Namespace) -> list[dict[str, Scores]]:
    """Return the scores of each clip by row; none of a clip of which no frame counts."""
    chain = Chain.open(options.run, options.shards, options.split, GenerateOptions())
    chain.pipe.set_progress_bar_config(disable=True)
    found = []
    for pick in range(min(options.clips, len(chain.clips))):
        truth = chain.truth(pick)
        reference, truth = truth[-1], truth[: options.frames]
        points, counts = chain.clips.index.keypoints(pick)[: len(truth)], counting(truth, reference)
        e = chain.guidance(chain.clips.conditions(pick))[: len(truth)]
        rows = {STILL: still(reference, len(truth)), VAE: _decoded(chain, truth)}
        seconds = {}
        for steps in options.steps:
            begin = time.perf_counter()
            rows[name := f"{steps} steps"] = _sampled(chain, e, reference, steps, pick)
            seconds[name] = (time.perf_counter() - begin) / len(truth)
        scores = {row: _scores(made[counts], truth[counts], points[counts]) for row, made in rows.items()}
        for row, value in seconds.items():
            scores[row]["seconds a frame"] = value
        print(pick, {row: round(values["PSNR"], 2) for row, values in scores.items()}, flush=True)
        found.append(scores)
    return found


def _sampled(chain: Chain, e: torch.Tensor, reference: np.ndarray, steps: int, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    return chain.pixels(
        chain.pipe.denoise(e, reference, num_inference_steps=steps, guidance_scale=1.0, generator=generator)
    )


def _decoded(chain: Chain, truth: np.ndarray) -> np.ndarray:
    """Encode and decode frames (F, H, W, 3) uint8 by the VAE alone."""
    latents, _ = encode_images(chain.pipe.vae, to_model(torch.from_numpy(truth).permute(0, 3, 1, 2)))
    return to_pixels(decode_latents(chain.pipe.vae, latents))


def _scores(made: np.ndarray, truth: np.ndarray, points: np.ndarray) -> Scores:
    if not len(truth):
        return {}
    whole = {"PSNR": psnr(made, truth), "SSIM": ssim(made, truth)}
    return {**whole, **{name: score(made, truth, points) for name, score in PARTS.items()}}


def show(rows: dict[str, dict[str, list[float]]], base: str) -> None:
    """Print two tables: each row, and each row less the base, with intervals over clips."""
    names = list(rows[base])
    print("| |", " | ".join(names), "|\n|" + "---|" * (len(names) + 1))
    for row, values in rows.items():
        print(
            f"| {row} |", " | ".join(interval(values[name]) if name in values else "" for name in names), "|"
        )
    print(f"\nless {base}, by pairs:")
    for row, values in rows.items():
        if row != base:
            cells = [interval(np.subtract(values[name], rows[base][name])) for name in values]
            print(f"| {row} |", " | ".join(cells), "|")


def interval(values: np.ndarray | list[float]) -> str:
    """Return the mean of clips and the 95 % interval of a bootstrap over them; clips without a value do not count."""
    found = np.asarray(values)[np.isfinite(values)]
    draws = np.random.default_rng(SEED).choice(found, (RESAMPLES, len(found))).mean(axis=1)
    low, high = np.percentile(draws, [2.5, 97.5])
    return f"{found.mean():.3f} ({low:.3f}..{high:.3f})"


if __name__ == "__main__":
    main()
