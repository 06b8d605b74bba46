"""What a test starts in a process of its own: stage 3, `generate` and `evaluate` on a card of the imagination.

The run that it begins with was trained on the CPU; a translator is trained anew, and goes on from its checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from fake_cuda import Card, fake_cuda
from PIL import Image
from small import small_config
from watched import reading_only_what_is_logged

import signvip.stages.stage3  # noqa: F401  (imports that are slow, or look for a card)
from signvip.generate import GenerateOptions, Request, generate, load_pipeline
from signvip.pipeline import SignVipPipeline
from signvip.stages import train
from signvip_lab.evaluation.evaluate import EvaluateOptions, evaluate

TEXTS = ["the big dog", "cat"]
FRAMES = 12  # two windows of the small configuration
# one for each thing that is made for them
METRICS = ("codebook", "mpjpe", "frozen", "reconstruction", "parameters")


def main(folder: Path, precision: str) -> None:
    shards, run = folder / "shards", folder / "run"
    reference = folder / "reference.png"
    Image.fromarray(np.zeros((32, 32, 3), np.uint8)).save(reference)
    dtype = "fp32" if precision == "no" else precision
    options = GenerateOptions(dtype=dtype, max_frames=FRAMES, steps=1, window_batch=8)
    with fake_cuda() as card:
        with reading_only_what_is_logged(card):
            for steps in (2, 3):
                config = small_config(precision=precision, stage3={"steps": steps})
                train(config, 3, shards=shards, run=run, resume=steps > 2)
        pipe = load_pipeline(str(run), options)
        use(pipe, reference, card)
        if precision == "no":
            return  # as a CPU computes; what measures is the same in any precision
        generate([Request(TEXTS[0], reference, folder / "made.mp4")], run=str(run), options=options)
        found = evaluate(
            shards,
            folder / "evaluation",
            run=str(run),
            options=EvaluateOptions(METRICS, clips=1, sampling=options),
        )
    assert {value.metric for value in found.values} == set(METRICS), found.left_out


def use(pipe: SignVipPipeline, reference: Path, card: Card) -> None:
    """Ask for what the command does not: drawn tokens of a length, and a video of several windows as numbers."""
    assert all(weight.is_cuda for part in pipe.components.values() for weight in weights(part))
    generators = [torch.Generator().manual_seed(0) for _ in TEXTS]
    card.truth = False  # nobody says [EOS], and texts are padded
    pipe.translate(TEXTS, max_frames=3, temperature=1.0, top_k=5, generator=generators)
    card.truth = True
    tokens = torch.zeros(FRAMES, pipe.translator.config["tokens_per_frame"], dtype=torch.long)
    for output in ("pt", "latent"):
        made = pipe(TEXTS[0], reference, tokens=tokens, generator=generators[0], output_type=output)
        assert len(made.frames) == FRAMES


def weights(part: object) -> list[torch.Tensor]:
    return list(part.parameters()) if isinstance(part, torch.nn.Module) else []


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
