"""What `doctor` finds in a set of shards."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import signvip
from signvip.data.preprocess import preprocess
from signvip.data.sample import Recipe
from signvip.data.shards import read_shard, writing_shard
from signvip.data.video import encode_video
from signvip.doctor.machine import examine, examine_shards
from signvip.progress import Silent
from signvip.run import default_preset


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor") / "shards"
    preprocess(recipe(), folder)
    return folder


def recipe():
    reader = signvip.build("dataset", "toysign", size=(32, 32), train=2, dev=1, test=1)
    return Recipe(reader, {"pose": signvip.build("condition", "pose")}, (32, 32), 12.0)


@pytest.fixture
def shards(sound, tmp_path):
    return shutil.copytree(sound, tmp_path / "shards")


def faults(shards):
    return {finding.topic: finding.fault for finding in examine_shards(shards, Silent()) if finding.fault}


def test_sound_shards_have_no_fault_and_are_counted(sound):
    found = {finding.topic: finding for finding in examine_shards(sound, Silent())}
    assert {"train", "dev", "test", "ids", "texts", "pictures", "lengths", "hands"} == set(found)
    assert found["train"].found == "2 clips in 1 shards"
    assert faults(sound) == {}


def test_a_shard_cut_short_is_named_and_the_others_are_still_looked_at(shards):
    path = shards / "dev-000000.tar"
    path.write_bytes(path.read_bytes()[:-20_000])
    found = faults(shards)
    assert set(found) == {"dev"}
    assert str(path) in found["dev"]


def test_a_shard_that_went_missing_is_told(shards):
    (shards / "test-000000.tar").unlink()
    assert "the manifest counts 1 clips" in faults(shards)["test"]


def test_counts_that_do_not_add_up_are_told(shards):
    manifest = json.loads((shards / "manifest.json").read_text())
    manifest["splits"]["train"]["clips_out"] = 5
    (shards / "manifest.json").write_text(json.dumps(manifest))
    assert "the manifest counts 5 clips" in faults(shards)["train"]


def test_a_folder_without_shards_is_told(tmp_path):
    assert set(faults(tmp_path)) == {"manifest"}


def test_the_machine_is_described():
    topics = {finding.topic for finding in examine()}
    assert {"python", "torch", "h264", "quantizer fsq", "dataset toysign"} <= topics


def test_where_torch_is_missing_shards_are_made_and_looked_at_all_the_same(sound, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert default_preset() == "tiny"
    assert {"python", "h264", "train", "hands"} <= {finding.topic for finding in examine(sound)}


def rewritten(path, change):
    """The samples of a shard, some of them changed."""
    samples = [
        (sample.key, {name: sample.read(name) for name in sample.members}) for sample in read_shard(path)
    ]
    with writing_shard(path) as writer:
        for key, members in samples:
            writer.write(key, change(key, dict(members)))


def other_size(_, members):
    return members | {"mp4": encode_video(np.zeros((4, 16, 16, 3), np.uint8), 12.0)}


FAULTS = {
    "cut short": lambda folder: (folder / "train-000000.tar").write_bytes(b"short"),
    "gone": lambda folder: (folder / "test-000000.tar").unlink(),
    "left by an older deal": lambda folder: shutil.copy(
        folder / "train-000000.tar", folder / "train-000001.tar"
    ),
    "of another split": lambda folder: shutil.copy(folder / "train-000000.tar", folder / "dev-000001.tar"),
    "without a condition": lambda folder: rewritten(
        folder / "train-000000.tar", lambda _, members: {k: v for k, v in members.items() if k != "pose.npz"}
    ),
    "of another size": lambda folder: rewritten(folder / "dev-000000.tar", other_size),
    "that cannot be decoded": lambda folder: rewritten(
        folder / "dev-000000.tar", lambda _, members: members | {"mp4": b"no video"}
    ),
    "a manifest that is damaged": lambda folder: (folder / "manifest.json").write_text("{"),
    "counts": lambda folder: (folder / "manifest.json").write_text(
        (folder / "manifest.json").read_text().replace('"clips_out": 2', '"clips_out": 5')
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_advised_helps(shards, fault):
    """Nothing but what the sentences say is done: files that they name are deleted, and the command is run."""
    FAULTS[fault](shards)
    told = faults(shards)
    assert told
    for sentence in told.values():
        if named := re.search(
            r"(\S+\.tar) is damaged|delete (\S+)( |$)|(\S+/manifest\.json) is damaged", sentence
        ):
            Path(next(path for path in named.groups() if path and path.strip())).unlink(missing_ok=True)
        assert "signvip preprocess" in sentence or "the command that made this folder" in sentence
    preprocess(recipe(), shards)
    assert faults(shards) == {}
