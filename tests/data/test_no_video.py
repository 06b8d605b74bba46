"""Shards without a recorded video: what stages 2 and 3 train on, and what nothing else mistakes for videos."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from small import small_config

import signvip
from signvip.data.manifest import Manifest
from signvip.data.preprocess import preprocess
from signvip.data.sample import Recipe
from signvip.data.shards import ShardIndex
from signvip.doctor.shards import examine_shards
from signvip.errors import MismatchError
from signvip.models import ConditionEncoder
from signvip.models.build import build_network
from signvip.models.vae import build_vae
from signvip.progress import Silent
from signvip.run import Run
from signvip.stages import stage3, train
from signvip.stages.clips import Clips
from signvip.stages.derive import encode, tokenize

CONFIG = small_config(translator={"max_frames": 120})


def shards_of(folder, video):
    reader = signvip.build("dataset", "toysign", size=CONFIG.size, train=3, dev=2, test=1)
    preprocess(Recipe.of(reader, CONFIG, video=video), folder)
    return folder


@pytest.fixture(scope="module")
def blind(tmp_path_factory):
    """Shards without videos, and a run whose first stage was trained on others."""
    folder = tmp_path_factory.mktemp("blind")
    run = Run.start(folder / "run", CONFIG)
    torch.manual_seed(0)
    run.save("vae", build_vae(**CONFIG.vae))
    run.save("condition_encoder", build_network(ConditionEncoder, CONFIG.condition_encoder, num_conditions=2))
    return SimpleNamespace(shards=shards_of(folder / "shards", video=False), run=run.path, folder=folder)


def test_all_but_the_frames_is_there_and_the_manifest_says_so(blind, tmp_path):
    whole = shards_of(tmp_path, video=True)
    for split in ("train", "dev", "test"):
        mine, other = ShardIndex(blind.shards, split), ShardIndex(whole, split)
        assert mine.keys == other.keys
        for clip in range(len(mine)):
            assert set(other.fields(clip)) - set(mine.fields(clip)) == {"mp4"}
            for name in mine.fields(clip):
                assert mine.read(clip, name) == other.read(clip, name)
    assert not Manifest.read(blind.shards).video and Manifest.read(whole).video


def test_stages_two_and_three_train_on_them(blind, monkeypatch):
    tokens = blind.folder / "tokens"
    encode(blind.shards, blind.folder / "encoded", run=blind.run, embeddings=True)
    train(CONFIG, 2, shards=blind.folder / "encoded", run=blind.run)
    tokenize(blind.folder / "encoded", tokens, run=blind.run)
    assert Clips(tokens, "train", CONFIG).has("tokens.npy") and not Clips(tokens, "train", CONFIG).has(
        "latents.npy"
    )
    monkeypatch.setattr(
        stage3, "save_pipeline", lambda run: None
    )  # this run has no denoiser to be whole with
    train(CONFIG, 3, shards=tokens, run=blind.run)
    run = Run.open(blind.run)
    assert run.has("autoencoder") and run.has("pose_head") and run.has("translator")


@pytest.mark.parametrize("command", ["stage 1", "encode --latents"])
def test_what_needs_frames_refuses_them_in_a_sentence(blind, tmp_path, command):
    with pytest.raises(MismatchError, match=f"holds no videos, which {command} needs; make others with"):
        if command == "stage 1":
            train(CONFIG, 1, shards=blind.shards, run=tmp_path / "run")
        else:
            encode(blind.shards, tmp_path / "out", run=blind.run, latents=True)


def test_shards_without_videos_are_not_made_again(blind, monkeypatch):
    monkeypatch.setattr(Recipe, "make", lambda *_: pytest.fail("a clip is made again"))
    shards_of(blind.shards, video=False)


def test_shards_with_and_without_videos_are_not_mixed(blind):
    with pytest.raises(MismatchError, match="made with another video"):
        shards_of(blind.shards, video=True)


def test_doctor_finds_nothing_wrong_and_says_what_they_are_for(blind):
    found = {finding.topic: finding for finding in examine_shards(blind.shards, Silent())}
    assert not [finding for finding in found.values() if finding.fault]
    assert found["pictures"].found == "none: these shards hold no videos, and train stages 2 and 3"


def test_doctor_misses_videos_where_the_manifest_has_them(blind, tmp_path):
    for path in blind.shards.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    about = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(about | {"video": True}))
    found = {finding.topic: finding for finding in examine_shards(tmp_path, Silent())}
    assert "has no mp4" in (found["train"].fault or "")


def test_a_manifest_that_does_not_say_has_videos(blind):
    about = json.loads((blind.shards / "manifest.json").read_text())
    del about["video"]
    assert Manifest(**about).video
