"""What `encode` and `tokenize` made of shards follows them: who left is gone there, what changed is made again."""

from __future__ import annotations

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from small import make_shards, small_config

from signvip.data import fields
from signvip.data.manifest import Manifest
from signvip.data.rewrite import rewrite_shards
from signvip.data.shards import ShardIndex, ShardWriter, shard_paths, splits_of
from signvip.doctor.shards import examine_shards
from signvip.errors import DataError, MismatchError
from signvip.models import ConditionEncoder
from signvip.models.build import build_network
from signvip.models.networks import new_autoencoder
from signvip.models.vae import build_vae
from signvip.progress import Silent
from signvip.run import Run
from signvip.stages.clips import Clips
from signvip.stages.derive import encode, tokenize


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run whose networks have random weights."""
    config = small_config()
    run = Run.start(tmp_path_factory.mktemp("followed") / "run", config)
    torch.manual_seed(0)
    encoder = build_network(ConditionEncoder, config.condition_encoder, num_conditions=2)
    run.save("vae", build_vae(**config.vae))
    run.save("condition_encoder", encoder)
    run.save("autoencoder", new_autoencoder(config, encoder))
    return SimpleNamespace(path=run.path, config=config)


def keys(folder):
    return {split: ShardIndex(folder, split).keys for split in splits_of(folder)}


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.tar"))}


@pytest.fixture
def chain(run, tmp_path):
    """Shards, what encode made of them and what tokenize made of that, each in a folder; made again by calling it."""
    shards, encoded, tokens = (tmp_path / name for name in ("shards", "encoded", "tokens"))

    def make(only_shards=False, **counts):
        make_shards(shards, run.config, **{"train": 3, "dev": 1, "test": 1, **counts})
        if not only_shards:
            encode(shards, encoded, run=run.path, latents=True, embeddings=True)
            tokenize(encoded, tokens, run=run.path)
        return shards, encoded, tokens

    make()
    return make


def test_a_set_whose_source_changed_is_refused_by_whoever_reads_it_until_it_is_made_again(chain, run):
    shards, encoded, tokens = chain(only_shards=True, train=2)
    for folder in (encoded, tokens):
        with pytest.raises(
            MismatchError, match=r"have left or changed since.*signvip encode .*shards .*encoded"
        ):
            Clips(folder, "train", run.config)
        assert any("left or changed" in (finding.fault or "") for finding in examine_shards(folder, Silent()))
    encode(shards, encoded, run=run.path, latents=True, embeddings=True)
    Clips(encoded, "train", run.config)
    with pytest.raises(MismatchError, match=r"signvip tokenize .*encoded .*tokens"):
        Clips(tokens, "train", run.config)
    tokenize(encoded, tokens, run=run.path)
    assert keys(tokens) == keys(encoded) == keys(shards) and len(keys(tokens)["train"]) == 2


def test_a_set_that_followed_equals_one_made_from_nothing(chain, run, tmp_path):
    _, encoded, tokens = chain(train=2, test=2, dev=0)
    followed = contents(encoded), contents(tokens)
    for folder in (encoded, tokens):
        shutil.rmtree(folder)
    chain(train=2, test=2, dev=0)
    assert (contents(encoded), contents(tokens)) == followed
    assert "dev" not in keys(tokens)


def test_sets_that_moved_together_still_know_each_other(chain, run, tmp_path):
    chain(only_shards=True, train=2)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("shards", "encoded", "tokens"):
        shutil.move(tmp_path / name, moved / name)
    with pytest.raises(MismatchError, match=r"moved/encoded"):
        ShardIndex(moved / "encoded", "train")
    shutil.rmtree(moved / "shards")
    assert len(ShardIndex(moved / "encoded", "train")) == 3  # nobody can know more
    assert Manifest.read(moved / "encoded").made_from == os.path.join("..", "shards")


def test_in_one_folder_what_was_added_stays_with_the_clips_that_stay(run, tmp_path):
    shards = make_shards(tmp_path / "shards", run.config, train=3, dev=1, test=1)
    encode(shards, shards, run=run.path, latents=True, embeddings=True)
    make_shards(shards, run.config, train=4, dev=1, test=1)
    clips = Clips(shards, "train", run.config)
    assert ["latents.npy" in clips.index.fields(i) for i in range(4)] == [True, True, True, False]
    with pytest.raises(DataError, match=r"no latents\.npy; write it with: signvip encode"):
        clips.array(3, "latents.npy")
    encode(shards, shards, run=run.path, latents=True, embeddings=True)
    assert Clips(shards, "train", run.config).has("latents.npy")


# The same by the engine alone, whose fields are numbers.


def write(folder, texts, split="train", size=2):
    for path in shard_paths(folder, split) if folder.is_dir() else ():
        path.unlink()
    with ShardWriter(folder, split, max_samples=size) as writer:
        for key, text in texts.items():
            about = fields.encode("json", {"id": key, "text": text})
            writer.write(key, {"json": about, "txt": text.encode()})


@pytest.fixture
def derived(tmp_path):
    """Add the length of the text to each sample; which were computed, and what each has."""

    def make(stamp="s"):
        computed = []

        def add(sample):
            computed.append(sample.key)
            return {"x.npy": fields.encode("x.npy", np.full(1, len(sample.load("txt"))))}

        rewrite_shards(tmp_path / "a", tmp_path / "b", add, names=["x.npy"], stamp=stamp)
        index = ShardIndex(tmp_path / "b", "train")
        return computed, {
            index.keys[i]: (index.load(i, "txt"), int(index.load(i, "x.npy")[0])) for i in range(len(index))
        }

    return make


@pytest.mark.parametrize(
    ("after", "computed"),
    [
        ({"a": "1", "b": "22", "c": "333", "d": "4444"}, ""),
        ({"b": "22", "c": "333", "d": "4444"}, ""),
        ({"z": "0", "a": "1", "b": "22", "c": "333", "d": "4444"}, "z"),
        ({"d": "4444", "c": "333", "b": "22", "a": "1"}, ""),
        ({"a": "1", "b": "xx", "c": "333", "d": "4444"}, "b"),
        ({"a": "1"}, ""),
        ({"x": "1", "y": "22"}, "xy"),
    ],
)
def test_only_what_changed_is_computed(derived, tmp_path, after, computed):
    write(tmp_path / "a", {"a": "1", "b": "22", "c": "333", "d": "4444"})
    derived()
    write(tmp_path / "a", after)
    again, has = derived()
    assert sorted(again) == sorted(computed)
    assert has == {key: (text, len(text)) for key, text in after.items()}
    names = [path.name for path in shard_paths(tmp_path / "a", "train")]
    assert [path.name for path in shard_paths(tmp_path / "b", "train")] == names
    assert not list((tmp_path / "b").glob(".*")) and derived()[0] == []


def test_other_weights_and_damage_compute_all_that_is_lost(derived, tmp_path):
    write(tmp_path / "a", {"a": "1", "b": "22", "c": "333"})
    derived()
    assert sorted(derived(stamp="t")[0]) == ["a", "b", "c"]
    path = shard_paths(tmp_path / "b", "train")[0]
    path.write_bytes(path.read_bytes()[:1000])
    assert sorted(derived(stamp="t")[0]) == ["a", "b"]
