"""The model that travels with the package: small enough, whole, and what `generate` uses without a run."""

from __future__ import annotations

import json
import shutil
from itertools import groupby

import numpy as np
import pytest
from PIL import Image
from small import make_shards

import signvip
from signvip.data.shards import ShardIndex
from signvip.errors import RunError
from signvip.generate import Request, embedded_run, generate
from signvip.release.embed import embed
from signvip.run import MAKERS, Run

AT_MOST = 48_000_000  # bytes


def test_it_is_small_and_says_how_it_was_made():
    folder = embedded_run()
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < AT_MOST
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["stage2"]["dev/usage"] > 0.5
    assert Run.open(folder).config.preset == "embedded"


def test_generate_without_a_run_uses_it_and_the_video_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.full((64, 64, 3), 150, np.uint8)).save("ref.png")
    request = Request("Jo", tmp_path / "ref.png", tmp_path / "video.mp4", language="ase")
    generate([request])
    told = json.loads((tmp_path / "video.json").read_text())
    assert told["run"] == "embedded"
    assert 8 <= told["frames"] <= 60  # two letters; a clip that does not end has 200


@pytest.mark.parametrize(
    ("text", "language", "places"),
    [("Wendy", "ase", [0, 1, 2, 3, 4]), ("Jo Anna", "gsg", [0, 1, 3, 4, 6]), ("Орач", "ukl", [0, 1, 2, 3])],
)
def test_it_goes_from_letter_to_letter_of_a_name(text, language, places):
    """In order, doubled letters once, at the pace of the clips that it learned from; at most one is left out."""
    translator = signvip.SignVipPipeline.from_pretrained(embedded_run()).translator
    tokens = translator.generate([text], max_frames=120, languages=[language])[0]
    signed = [
        (place, len(list(frames))) for place, frames in groupby(translator.align(text, tokens, language))
    ]
    *gone, end = [place for place, _ in signed]
    assert end == -1 and gone == sorted(set(gone)) and set(gone) <= set(places)
    assert len(gone) >= len(places) - 1
    assert all(4 <= frames <= 16 for _, frames in signed)


def test_another_signer_gives_another_video():
    pipe = signvip.SignVipPipeline.from_pretrained(embedded_run()).to("cpu")
    pipe.set_progress_bar_config(disable=True)
    tokens = pipe.translate(["snow on monday"], max_frames=4, language="qaa")[0]
    bright, dark = (
        pipe("", np.full((64, 64, 3), grey, np.uint8), tokens=tokens, output_type="np").frames.mean()
        for grey in (230, 20)
    )
    assert bright > dark + 0.1


def test_a_run_is_stored_in_half_precision_and_an_unfinished_one_is_refused(trained, tmp_path):
    (tmp_path / "embedded" / "clips").mkdir(parents=True)  # of the model that was there before
    made = embed(trained.run, tmp_path / "embedded")
    whole = sum(file.stat().st_size for part in MAKERS for file in (trained.run / part).glob("*.safetensors"))
    half = sum(file.stat().st_size for part in MAKERS for file in (made / part).glob("*.safetensors"))
    assert half < 0.6 * whole
    assert str(trained.run) not in "".join(path.read_text() for path in made.rglob("*.json"))
    assert signvip.SignVipPipeline.from_pretrained(made).config.height == 32
    assert not (made / "clips").exists()
    with pytest.raises(RunError, match="There is no run"):
        embed(tmp_path / "nothing", tmp_path / "other")


def test_clips_that_travel_with_a_run_do_so_with_its_copy(trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    make_shards(run / "clips", trained.config, train=0, dev=0, test=1)
    made = embed(run, tmp_path / "embedded")
    assert len(ShardIndex(made / "clips", "test")) == 1
    assert (made / "clips" / "manifest.json").read_bytes() == (run / "clips" / "manifest.json").read_bytes()
