"""What several tests share: a corpus and a run small enough for a test."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
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
