"""What several tests share: one thread each, the same seed, and a corpus and a run small enough for a test."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from evaluators import TINY
from small import make_shards, small_config
from workers import ONE_THREAD, cores, count_workers, make_once, signature

os.environ.update(ONE_THREAD)  # before anything imports torch


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Answer `-n auto`."""
    return count_workers(cores())


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Keep torch to one thread where something imported it before the variables were set."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def own_configuration(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the key that tests sign with out of the folder of whoever runs them."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("configuration"))
    for name in ("SIGNVIP_KEY", "SIGNVIP_CERTIFICATE"):
        os.environ.pop(name, None)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Make fixtures from the same random numbers, whichever test ran before in this process."""
    _seed(0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Run a test with the same random numbers, whether its fixtures had to be made or were there."""
    _seed(1)


def _seed(seed: int) -> None:
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


@pytest.fixture(scope="session")
def made_once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Path]]:
    """A folder for all processes of the run: made_once("name", make) calls make(folder) in one of them.

    Tests only read it: what they write makes the last test of the process an error.
    """
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if hasattr(request.config, "workerinput") else base
    before: dict[Path, dict[str, tuple[int, int]]] = {}

    def made(name: str, make: Callable[[Path], object]) -> Path:
        folder = make_once(shared / name, make)
        before[folder] = signature(folder)
        return folder

    yield made
    for folder, files in before.items():
        changed = {path for path, _ in files.items() ^ signature(folder).items()}
        assert not changed, f"a test wrote into {folder}, which all tests share: {sorted(changed)}"


@pytest.fixture(scope="session")
def plain_shards(made_once: Callable[..., Path]) -> Path:
    """Shards as `preprocess` leaves them, of the small configuration; read only."""
    return made_once("plain-shards", lambda folder: make_shards(folder, small_config()))


@pytest.fixture(scope="session")
def trained(plain_shards: Path, made_once: Callable[..., Path]) -> SimpleNamespace:
    """Shards and a run with all three stages, each trained for two steps; read only."""
    from signvip.stages import train
    from signvip.stages.derive import encode, tokenize

    config = small_config()

    def make(folder: Path) -> None:
        shards, run = shutil.copytree(plain_shards, folder / "shards"), folder / "run"
        train(config, 1, shards=shards, run=run)
        encode(shards, shards, run=run)
        train(config, 2, shards=shards, run=run)
        tokenize(shards, shards, run=run)
        train(config, 3, shards=shards, run=run)

    folder = made_once("trained", make)
    return SimpleNamespace(config=config, shards=folder / "shards", run=folder / "run")


@pytest.fixture(scope="session")
def signers() -> list[Any]:
    """Six clips of as many signers whose every point is known."""
    import signvip

    reader = signvip.build("dataset", "toysign", size=(64, 64), fps=24.0)
    return [reader.load("train", clip_id) for clip_id in reader.ids("train")[:6]]


@pytest.fixture(scope="session")
def signer(signers: list[Any]) -> Any:
    """One of them."""
    return signers[0]


@pytest.fixture(scope="session")
def tiny_config() -> Callable[..., Any]:
    """Configurations of small back-translators: tiny_config("video", 4) trains four steps."""
    from signvip_lab.backtranslation.config import load_back_translator_config

    def load(modality: str, steps: int = 2, **flags: Any) -> Any:
        flags = {"modality": modality, "poses": {"steps": steps}, "texts": {"steps": steps}, **flags}
        return load_back_translator_config("small", TINY, flags)

    return load


@pytest.fixture(scope="session")
def evaluators(
    trained: SimpleNamespace, tiny_config: Callable[..., Any], made_once: Callable[..., Path]
) -> SimpleNamespace:
    """Folders of a video and of a pose back-translator, each of two steps; read only."""
    from signvip_lab.backtranslation.train import train_back_translator

    def make(folder: Path) -> None:
        for modality in ("video", "pose"):
            train_back_translator(tiny_config(modality), shards=trained.shards, out=folder / modality)

    folder = made_once("evaluators", make)
    return SimpleNamespace(video=folder / "video", pose=folder / "pose")
