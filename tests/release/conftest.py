from __future__ import annotations

import pytest
import torch
import written
from pretrained import write_sentence_encoder

from signvip.progress import Silent
from signvip.release import ImportOptions, import_release
from signvip.run import Run


class Listener(Silent):
    """A reporter that remembers what was said."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, message: str) -> None:
        self.sentences.append(message)


@pytest.fixture
def said():
    return Listener()


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return written.write_base(tmp_path_factory.mktemp("stable-diffusion"))


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    torch.manual_seed(3)
    return write_sentence_encoder(tmp_path_factory.mktemp("bert") / "bert")


@pytest.fixture(scope="session")
def options(base, bert):
    text = f'translator.text_encoder="{bert}"'
    settings = [written.SIZE, text, "fps=24"]
    return ImportOptions(stable_diffusion=str(base), vae=str(base / "vae-ft"), settings=settings)


@pytest.fixture(scope="session")
def run(tmp_path_factory, options):
    """A whole release, imported; read only."""
    folder = tmp_path_factory.mktemp("release")
    return Run.open(import_release(str(written.write(folder / "release")), folder / "run", options))
