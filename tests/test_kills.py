"""SIGKILL at random moments: started again, each command leaves the same bytes as one that nobody stopped.

The quick form kills a few times; `nox -s slow` ten times each, and prints how many it survived.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from kills import Kills
from PIL import Image
from small import make_shards, small_config

from signvip.data.requests import many
from signvip.generate import GenerateOptions, generate
from signvip.progress import Silent
from signvip.stages import train
from signvip.stages.derive import encode, tokenize
from signvip_lab.ablation.ablate import Request as Ablation
from signvip_lab.ablation.ablate import ablate
from signvip_lab.backtranslation.train import train_back_translator

OFTEN = {"steps": 6, "checkpoint_every": 2, "validate_every": 3, "log_every": 1}
CONFIG = small_config(
    stage1={"vae": OFTEN, "image": OFTEN, "motion": {**OFTEN, "ema": 0.9}},
    stage2=OFTEN,
    stage2_poses=OFTEN,
    stage3=OFTEN,
)
SHARDS, OUT = Path("shards"), Path("out")
TEXTS = "rain in the north\nsun in the south\nsnow\n"


@pytest.fixture
def commands(trained, plain_shards, tiny_config):
    """Each command by name: what it begins with, and what it does in a folder."""
    untrained = shutil.ignore_patterns(
        "training", "autoencoder", "pose_head", "translator", "model_index.json", "scheduler"
    )

    def copy(*, shards: Path, run: Path | None = None, leave=None):
        def make(folder: Path) -> None:
            shutil.copytree(shards, folder / "shards")
            if run is not None:
                shutil.copytree(run, folder / "run", ignore=leave)

        return make

    def texts(folder: Path) -> None:
        folder.mkdir()
        (folder / "texts.txt").write_text(TEXTS)
        Image.new("RGB", (40, 40), "teal").save(folder / "ref.png")

    def stage(number: int):
        return lambda: train(CONFIG, number, shards=SHARDS, run=Path("run"))

    def make_videos() -> None:
        requests = many(Path("texts.txt"), Path("ref.png"), OUT)
        generate(requests, run=str(trained.run), options=GenerateOptions(steps=1, max_frames=4))

    def vary() -> None:
        settings = [f"stage2.{name}={value}" for name, value in OFTEN.items()]
        ablate(
            Ablation(
                SHARDS,
                source=trained.run,
                out=OUT,
                vary=["codebook=128,256"],
                settings=settings,
            ),
            Silent(),
        )

    evaluator = tiny_config("pose", 6, texts=OFTEN, poses=OFTEN)
    both = {"shards": trained.shards, "run": trained.run}
    return {
        "preprocess": Kills(lambda folder: folder.mkdir(), lambda: make_shards(SHARDS, CONFIG)),
        "encode": Kills(
            copy(shards=plain_shards),
            lambda: encode(SHARDS, SHARDS, run=trained.run),
        ),
        "tokenize": Kills(
            copy(shards=plain_shards),
            lambda: tokenize(SHARDS, OUT, run=trained.run),
        ),
        "stage 1": Kills(copy(shards=plain_shards), stage(1)),
        "stage 2": Kills(copy(**both, leave=untrained), stage(2)),
        "stage 3": Kills(copy(**both, leave=shutil.ignore_patterns("training", "translator")), stage(3)),
        "train-back-translator": Kills(
            copy(shards=plain_shards),
            lambda: train_back_translator(evaluator, shards=SHARDS, out=OUT),
        ),
        "ablate": Kills(
            copy(shards=trained.shards), vary, unlike=("runs.jsonl", "step.json", "report", "index", "table")
        ),
        "generate": Kills(texts, make_videos, check=no_sidecar_without_its_video),
    }


def no_sidecar_without_its_video(folder: Path) -> None:
    for sidecar in (folder / OUT).glob("*.json"):
        assert sidecar.with_suffix(".mp4").is_file()


COMMANDS = (
    "preprocess",
    "encode",
    "tokenize",
    "stage 1",
    "stage 2",
    "stage 3",
    "train-back-translator",
    "ablate",
    "generate",
)


@pytest.mark.parametrize("name", ["encode", "stage 2"])
def test_killed_once_it_goes_on_as_if_nothing_had_been(commands, tmp_path, name):
    commands[name].survive(tmp_path, 1)
    assert commands[name].survived >= 1


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_ten_kills_leave_the_bytes_of_an_undisturbed_run(commands, tmp_path, name, capsys):
    kills = commands[name]
    kills.survive(tmp_path, 10)
    assert kills.survived >= 10
    with capsys.disabled():
        print(f"\n{name}: survived {kills.survived} kills (seed {kills.seed})")
