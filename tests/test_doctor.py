"""What `doctor` finds in a set of shards."""

from __future__ import annotations

import json
import shutil
import sys

import pytest

import signvip
from signvip.data.preprocess import preprocess
from signvip.data.sample import Recipe
from signvip.doctor import examine, examine_shards
from signvip.progress import Silent
from signvip.run import default_preset


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor") / "shards"
    reader = signvip.build("dataset", "toysign", size=(32, 32), train=2, dev=1, test=1)
    preprocess(Recipe(reader, {"pose": signvip.build("condition", "pose")}, (32, 32), 12.0), folder)
    return folder


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
