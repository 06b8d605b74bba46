"""The sampler's approximations, their cost and gain, on the embedded model and clips that training never saw.

    python benchmarks/quality.py --output quality.json

Each is compared with the same sampler without it: decibels against its frames, and against the true ones. Its
network has three levels and attention in one, so the times are not those of the paper's; `sampler.py` has these.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from compare import arguments
from signvip_toysign.toysign import portrait

import signvip
from signvip.data.picture_scores import psnr
from signvip.data.preprocess import preprocess
from signvip.data.sample import Recipe
from signvip.generate import GenerateOptions, embedded_run
from signvip.run import Run
from signvip_lab.evaluation.chain import Chain

EXACT = {"reuse_every": 1, "guidance_stop": 1.0}
SETTINGS = {
    "exact": {},
    "inner blocks every 2nd step": {"reuse_every": 2},
    "inner blocks every 3rd step": {"reuse_every": 3},
    "guidance on 60 % of the steps": {"guidance_stop": 0.6},
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--clips", type=int, default=4)
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--guidance", type=float, default=1.5)
    options = parser.parse_args()
    run = Run.open(embedded_run())
    sampling = GenerateOptions(steps=options.steps, guidance=options.guidance, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        reader = signvip.build(
            "dataset", "toysign", size=run.config.size, fps=run.config.fps, test=options.clips
        )
        preprocess(Recipe.of(reader, run.config), Path(folder), splits=["test"])
        chain = Chain.open(run.path, Path(folder), "test", sampling)
        rows = measure(chain, reader, options.clips, range(options.frames))
    for name, row in rows.items():
        print("{:32} x{speed:.2f}  {exact:6.1f} dB to exact  {truth:5.1f} dB to true".format(name, **row))
    if options.output is not None:
        about = {"options": vars(options) | {"output": None}, "rows": rows}
        options.output.write_text(json.dumps(about, indent=2))


def measure(chain: Chain, reader, count: int, frames: range) -> dict[str, dict[str, float]]:
    """Means over clips; the settings take turns within a clip."""
    seconds = dict.fromkeys(SETTINGS, 0.0)
    exact, true = {name: [] for name in SETTINGS}, {name: [] for name in SETTINGS}
    for clip in range(count):
        e = chain.guidance(chain.clips.conditions(clip, frames))
        truth = chain.clips.frames(clip, frames).permute(0, 2, 3, 1).numpy()
        reference = portrait(reader, str(chain.clips.info(clip)["signer"]))
        made = {}
        for name, changes in SETTINGS.items():
            chain.pipe.register_to_config(**{**EXACT, **changes})
            start = time.process_time()
            latents = chain.pipe.denoise(e, reference, generator=torch.Generator().manual_seed(clip))
            seconds[name] += time.process_time() - start
            made[name] = chain.pixels(latents)
            exact[name].append(psnr(made[name], made["exact"]))
            true[name].append(psnr(made[name], truth))
    return {
        name: {
            "speed": seconds["exact"] / seconds[name],
            "exact": float(np.mean(exact[name])),
            "truth": float(np.mean(true[name])),
        }
        for name in SETTINGS
    }


if __name__ == "__main__":
    main()
