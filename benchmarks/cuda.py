"""Seconds a frame on a GPU: eager against compiled, against the authors' loop, and against the card's limit.

    python benchmarks/cuda.py --output cuda.json
    python benchmarks/cuda.py --size 64 64 --frames 116

Networks of the paper's width with random weights in bfloat16, 50 steps of DDIM with guidance, and the VAE. The limit is
the time in which a card could do the multiplications and read what they need, with every other operation fused. Where
there is no CUDA, nothing is measured.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from compare import Row, arguments
from sampler import authors, networks, ours

from signvip.config import load_config
from signvip.models.vae import build_vae, decode_latents

LIMITS = {  # seconds a frame at 116 frames, by a part of the card's name and the size of latents
    ("H200", (34, 28)): 0.047,
    ("H200", (64, 64)): 0.214,
    ("A6000", (34, 28)): 0.243,
    ("A6000", (64, 64)): 1.110,
}
STEPS = 50


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, nargs=2, default=(34, 28), metavar=("h", "w"), help="of latents")
    parser.add_argument("--frames", type=int, default=116)
    parser.add_argument("--window-batch", type=int, default=1)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        print("There is no CUDA here: nothing was measured.")
        return
    rows = measure(options)
    for name, row in rows.items():
        print(f"{name:24}", "  ".join(f"{key} {value:.4f}" for key, value in row.items()))
    if options.output is not None:
        about = {"options": vars(options) | {"output": None}, "card": torch.cuda.get_device_name()}
        options.output.write_text(json.dumps({**about, "torch": torch.__version__, "rows": rows}, indent=2))


@torch.no_grad()
def measure(options: argparse.Namespace) -> dict[str, Row]:
    size = tuple(options.size)
    nets = networks(1, size, options.frames, heads=8)
    for name in ("denoiser", "guider", "reference_net", "theirs", "picture", "e"):
        setattr(nets, name, getattr(nets, name).to("cuda", torch.bfloat16))
    vae = build_vae(**load_config("rwth").vae).eval().to("cuda", torch.bfloat16)
    run = ours(nets, steps=STEPS, window_batch=options.window_batch)
    latents, loop = run()[0][0], authors(nets, STEPS)
    difference = (loop()[0][0] - latents).float().norm() / latents.float().norm()
    rows = {
        "authors' loop": per_frame(loop, options),
        "eager": {**per_frame(run, options), "difference": float(difference)},
        "VAE": per_frame(lambda: [decode_latents(vae, part) for part in latents.split(8)], options),
    }
    for network in (nets.denoiser, nets.guider):
        network.to(memory_format=torch.channels_last)
    nets.denoiser.compile()
    rows["compiled"] = per_frame(run, options)
    for name in ("authors' loop", "eager", "compiled"):
        rows[name]["over compiled"] = rows[name]["seconds"] / rows["compiled"]["seconds"]
        limit = _limit(size)
        if limit is not None:
            rows[name]["share of the limit"] = limit / (rows[name]["seconds"] + rows["VAE"]["seconds"])
    return rows


def per_frame(run: Callable[[], object], options: argparse.Namespace) -> Row:
    """Return the least of several times; the first run warms up, and compiles."""
    times = []
    for _ in range(options.repeats + 1):
        torch.cuda.synchronize()
        start = time.perf_counter()
        run()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return {"seconds": min(times[1:]) / options.frames, "memory": torch.cuda.max_memory_allocated() / 2**30}


def _limit(size: tuple[int, int]) -> float | None:
    card = torch.cuda.get_device_name()
    return next((limit for (name, of), limit in LIMITS.items() if name in card and of == size), None)


if __name__ == "__main__":
    main()
