"""Embedding conditions with the channels of a pixel side by side, against channel by channel, as ratios.

    python benchmarks/conditions.py --output conditions.json

The embedded model's condition encoder on noise of the size of its drawings. Operations are the same ones, so
`predicted` is 1. A trained encoder goes back through its layers as well, as in stage 1.
"""

from __future__ import annotations

import torch
from compare import Row, arguments, compare, report
from torch import Tensor

from signvip.generate import embedded_run
from signvip.models import ConditionEncoder
from signvip.run import Run

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1}


def by_channel(encoder: ConditionEncoder, images: Tensor) -> Tensor:
    """Embed images as they are stored."""
    embeddings = encoder.backbone(images)
    assert encoder.gate is not None
    weights = encoder.gate(embeddings).repeat_interleave(encoder.config["channels"][-1], dim=1)
    return embeddings * weights


def row(encoder: ConditionEncoder, images: Tensor, dtype: torch.dtype, trained: bool, repeats: int) -> Row:
    encoder.requires_grad_(trained)

    def finished(e: Tensor) -> list[Tensor]:
        if trained:
            e.float().mean().backward()
        return [e.detach().float()]

    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        found = compare(
            lambda: finished(encoder(images)),
            lambda: finished(by_channel(encoder, images)),
            repeats,
            TOLERANCE[dtype],
        )
    return {"predicted": 1.0, **found}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--frames", type=int, default=32)
    options = parser.parse_args()
    run = Run.open(embedded_run())
    encoder = run.load("condition_encoder", ConditionEncoder)
    torch.manual_seed(0)
    images = torch.rand(options.frames, 3 * len(run.config.conditions), *run.config.size) * 2 - 1
    rows = {
        f"{'trained' if trained else 'frozen'}, {str(dtype).removeprefix('torch.')}": row(
            encoder, images, dtype, trained, options.repeats
        )
        for dtype in TOLERANCE
        for trained in (False, True)
    }
    report(rows, options)


if __name__ == "__main__":
    main()
