"""What a test starts in a process of its own: stages 1 and 2, `encode` and `tokenize` on a card of the imagination.

Of its own, since torch keeps what it is told of cards for as long as a process lives. A step that is neither logged nor
validated nor stored must read nothing from the card, or the script fails.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

from fake_cuda import Card, fake_cuda
from small import make_shards, small_config

import signvip.stages.steps  # noqa: F401  (imports that are slow, or look for a card)
from signvip import training
from signvip.config import RunConfig, merge, parse_config
from signvip.derive import encode, tokenize
from signvip.stages import train

LEAN = {
    "vae": {"block_out_channels": [8, 8]},
    "denoiser": {"block_out_channels": [8, 16], "attention_levels": [True, False], "layers_per_block": 1},
    "autoencoder": {"block_out_channels": [8, 8], "layers_per_block": 1},
    "sampler": {"steps": 1, "window": 4, "overlap": 1, "max_frames": 4},
}


def main(folder: Path, precision: str) -> None:
    config = small_config(precision=precision, **LEAN)
    shards, run = make_shards(folder / "shards", config, train=2, dev=1, test=1), folder / "run"
    with fake_cuda() as card, reading_only_what_is_logged(card):
        train(config, 1, shards=shards, run=run)
        encode(shards, shards, run=run)
        train(longer(config), 1, shards=shards, run=run)  # resumes averages, on latents that are stored
        train(config, 2, shards=shards, run=run)
        encode(shards, shards, run=run)
        train(config, 2, shards=shards, run=run, resume=False)  # on embeddings that are stored
        tokenize(shards, shards, run=run)


def longer(config: RunConfig) -> RunConfig:
    """One more step of the phases of images and motion, which average their weights."""
    stage1 = {name: {"steps": 3} for name in ("image", "motion")}
    return parse_config(merge(config.model_dump(mode="json"), {"stage1": stage1}))


def reading_only_what_is_logged(card: Card) -> Any:
    """Refuse to be read by the loop, but by what it does now and then."""

    def told(plain: Callable[..., Any], answers: bool) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            before, card.answers = card.answers, answers
            try:
                return plain(*arguments, **options)
            finally:
                card.answers = before

        return call

    talks = {
        name: told(getattr(training, name), True) for name in ("_log", "_checkpoint", "_validate", "_resume")
    }
    return patch.multiple(training, train=told(training.train, False), **talks)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
