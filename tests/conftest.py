"""What several tests share: a corpus and a run small enough for a test."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from evaluators import TINY
from small import make_shards, small_config


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Shards and a run with all three stages, each trained for two steps."""
    from signvip.derive import encode, tokenize
    from signvip.stages import train

    folder = tmp_path_factory.mktemp("trained")
    config = small_config()
    shards, run = make_shards(folder / "shards", config), folder / "run"
    train(config, 1, shards=shards, run=run)
    encode(shards, shards, run=run)
    train(config, 2, shards=shards, run=run)
    tokenize(shards, shards, run=run)
    train(config, 3, shards=shards, run=run)
    return SimpleNamespace(config=config, shards=shards, run=run)


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., Any]:
    """Configurations of small evaluators: tiny_config("video", 4) trains four steps."""
    from signvip.backtranslation.config import load_evaluator_config

    def load(modality: str, steps: int = 2, **flags: Any) -> Any:
        flags = {"modality": modality, "poses": {"steps": steps}, "texts": {"steps": steps}, **flags}
        return load_evaluator_config("small", TINY, flags)

    return load


@pytest.fixture(scope="session")
def evaluators(
    trained: SimpleNamespace, tiny_config: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> SimpleNamespace:
    """Folders of a video and of a pose evaluator, each of two steps."""
    from signvip.backtranslation.train import train_evaluator

    folder = tmp_path_factory.mktemp("evaluators")
    for modality in ("video", "pose"):
        train_evaluator(tiny_config(modality), shards=trained.shards, out=folder / modality)
    return SimpleNamespace(video=folder / "video", pose=folder / "pose")
