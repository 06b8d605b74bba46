"""The cost of a denoiser's error once it is decoded: dev frames from latents with noise, by runs and levels.

    python benchmarks/latent_noise.py --shards data/lexicon --runs runs/a runs/b --levels 0 0.2 0.35

Levels are deviations of whitened latents. The frames are those of the VAE's validation, one of each dev clip.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from compare import arguments

from signvip.data.picture_scores import face_ssim, hand_psnr, hand_ssim, psnr, ssim
from signvip.data.pixels import to_model, to_pixels
from signvip.models.vae import decode_latents, encode_images
from signvip.run import Run
from signvip.stages.clips import Clips
from signvip.stages.parts import load_vae
from signvip.stages.poses import stored_keypoints


@torch.no_grad()
def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--runs", type=Path, nargs="+", required=True)
    parser.add_argument("--levels", type=float, nargs="+", default=(0.0, 0.2, 0.35))
    parser.add_argument("--split", default="dev")
    options = parser.parse_args()
    rows = {}
    for path in options.runs:
        run = Run.open(path)
        frames, keypoints = middles(Clips(options.shards, options.split, run.config))
        vae = load_vae(run).eval()
        latents = encode_images(vae, to_model(frames))[0]
        deviation = latents.std((0, 2, 3), keepdim=True)
        for level in options.levels:
            noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(0))
            made = to_pixels(decode_latents(vae, latents + level * deviation * noise))
            rows[f"{path.name}, noise {level:g}"] = scores(
                made, frames.permute(0, 2, 3, 1).numpy(), keypoints
            )
    for name, row in rows.items():
        print(f"{name:32}", "  ".join(f"{key} {value:.3f}" for key, value in row.items()))
    if options.output is not None:
        options.output.write_text(json.dumps(rows, indent=2))


def middles(clips: Clips) -> tuple[torch.Tensor, np.ndarray]:
    """Return the frame in the middle of each clip (n, 3, H, W), and its keypoints (n, 128, 3)."""
    frames, points = [], []
    for clip in range(len(clips)):
        middle = clips.info(clip)["frames"] // 2
        frames.append(clips.frames(clip, [middle]))
        points.append(stored_keypoints(clips.coordinates(clip))[middle])
    return torch.cat(frames), np.stack(points)


def scores(made: np.ndarray, truth: np.ndarray, keypoints: np.ndarray) -> dict[str, float]:
    """Means over frames, and over boxes of hands and faces."""
    parts = {"hand_psnr": hand_psnr, "hand_ssim": hand_ssim, "face_ssim": face_ssim}
    return {
        "psnr": psnr(made, truth),
        "ssim": ssim(made, truth),
        **{name: score(made, truth, keypoints) for name, score in parts.items()},
    }


if __name__ == "__main__":
    main()
