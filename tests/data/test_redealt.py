"""A folder of shards equals what its corpus deals now, after any sequence of runs, and makes nothing again for it."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import time
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from corpus import clip
from signvip_conditions import Pose

from signvip.contracts import SPLITS
from signvip.data import preprocess as engine
from signvip.data.failures import Failures
from signvip.data.manifest import Manifest
from signvip.data.preprocess import Share, preprocess
from signvip.data.sample import Recipe, key_of
from signvip.data.shards import ShardIndex, read_shard, shard_paths, splits_of
from signvip.data.stamps import Stamps
from signvip.errors import DataError

POSE = Pose(Pose.Config())


@dataclass
class Corpus:
    """Clips by split and id, each with what is written about it; "bad" ones cannot be used."""

    texts: dict[str, dict[str, str]]
    loaded: list[str] = field(default_factory=list)

    def ids(self, split):
        return list(self.texts.get(split, {}))

    def stamp(self, split, clip_id):
        return self.texts[split][clip_id]

    def load(self, split, clip_id):
        self.loaded.append(clip_id)
        text = self.texts[split][clip_id]
        if text == "bad":
            raise DataError("the file is cut short")
        made = clip(clip_id, frames=3)
        frames = made.frames.copy()
        frames[:, :8, :8] = len(text) * 10 % 255
        return replace(made, frames=frames, text=text)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(engine, "CLIPS_A_SHARD", 3)


def run(corpus, out, **options):
    corpus.loaded.clear()
    said = []
    manifest = preprocess(
        Recipe(corpus, {"pose": POSE}, (64, 64), 12.0), out, say=said.append, **options
    ).manifest
    return manifest, said


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != "manifest.json"}


def told(folder):
    """What each sample of each split says."""
    return {
        split: {index.load(i, "json")["id"]: index.load(i, "txt") for i in range(len(index))}
        for split in splits_of(folder)
        for index in [ShardIndex(folder, split)]
    }


def letters(words, split="train"):
    return {split: {letter: f"text {letter}" for letter in words}}


def check_equal_to_fresh(corpus, out, tmp_path):
    fresh = tmp_path / "fresh"
    shutil.rmtree(fresh, ignore_errors=True)
    manifest, _ = run(corpus, fresh)
    assert contents(out) == contents(fresh)
    assert Manifest.read(out).splits == manifest.splits


@pytest.mark.parametrize(
    ("before", "after", "made"),
    [
        ("bcdefgh", "abcdefgh", "a"),
        ("abcdefgh", "abcdefghi", "i"),
        ("abcdefgh", "bcdefgh", ""),
        ("abcdefgh", "abcfgh", ""),
        ("abcdefghij", "j", ""),
        ("abcdefghij", "jihgfedcba", ""),
        ("abcdefghij", "xjyazb", "xyz"),
        ("ab", "cdefg", "cdefg"),
    ],
)
def test_clips_that_come_and_go_are_all_that_changes(tmp_path, before, after, made):
    corpus = Corpus(letters(before))
    run(corpus, tmp_path / "out")
    corpus.texts = letters(after)
    manifest, said = run(corpus, tmp_path / "out")
    gone = sorted(set(before) - set(after))
    assert sorted(corpus.loaded) == sorted(made)
    assert manifest.left == ({"train": gone} if gone else {})
    assert bool(said) == bool(gone) and all(name in said[0] for name in gone[:5])
    check_equal_to_fresh(corpus, tmp_path / "out", tmp_path)
    assert run(corpus, tmp_path / "out")[0].left == {} and not corpus.loaded


def test_a_text_that_changed_is_made_again_alone(tmp_path):
    corpus = Corpus(letters("abcdefg"))
    run(corpus, tmp_path / "out")
    corpus.texts["train"]["d"] = "corrected"
    run(corpus, tmp_path / "out")
    assert corpus.loaded == ["d"] and told(tmp_path / "out")["train"]["d"] == "corrected"
    check_equal_to_fresh(corpus, tmp_path / "out", tmp_path)


def test_a_clip_that_failed_is_tried_again_when_it_changed_and_not_before(tmp_path):
    corpus = Corpus(letters("abcd"))
    corpus.texts["train"] |= {"b": "bad", "d": "bad"}
    run(corpus, tmp_path / "out")
    run(corpus, tmp_path / "out")
    assert corpus.loaded == []
    corpus.texts["train"] |= {"b": "mended", "a": "bad"}
    run(corpus, tmp_path / "out")
    assert corpus.loaded == ["a", "b"] and set(told(tmp_path / "out")["train"]) == {"b", "c"}
    assert set(Failures(tmp_path / "out").reasons) == {("train", "a"), ("train", "d")}
    check_equal_to_fresh(corpus, tmp_path / "out", tmp_path)


def test_a_failure_of_a_clip_that_left_is_forgotten(tmp_path):
    corpus = Corpus(letters("abcd"))
    corpus.texts["train"]["d"] = "bad"
    run(corpus, tmp_path / "out")
    del corpus.texts["train"]["d"]
    manifest, _ = run(corpus, tmp_path / "out")
    assert (tmp_path / "out" / "failed.jsonl").read_text() == "" and manifest.splits["train"].failed == 0


def test_a_split_of_which_nothing_is_left_is_gone_with_its_preview_and_its_count(tmp_path):
    corpus = Corpus(letters("abcd") | letters("efgh", "dev"))
    run(corpus, tmp_path / "out")
    assert (tmp_path / "out" / "preview-dev.png").exists()
    corpus.texts["dev"] = {}
    manifest, _ = run(corpus, tmp_path / "out")
    assert splits_of(tmp_path / "out") == ["train"] == list(manifest.splits)
    assert not (tmp_path / "out" / "preview-dev.png").exists()


def test_a_clip_that_moved_is_in_no_two_splits_whatever_splits_were_asked_for(tmp_path):
    corpus = Corpus(letters("abcd") | letters("efgh", "test"))
    run(corpus, tmp_path / "out")
    corpus.texts["train"]["e"] = corpus.texts["test"].pop("e")
    manifest, said = run(corpus, tmp_path / "out", splits=["train"])
    assert told(tmp_path / "out") == corpus.texts
    assert manifest.splits["test"].clips_out == 3 and manifest.splits["train"].clips_out == 5
    assert manifest.left == {"test": ["e"]} and "no longer has in test: e" in said[0]


def test_who_withdrew_is_in_no_split_though_only_another_is_asked_for(tmp_path):
    corpus = Corpus(letters("abcd") | letters("efgh", "dev"))
    run(corpus, tmp_path / "out")
    corpus.texts = letters("abc") | letters("egh", "dev") | letters("xyz", "test")
    run(corpus, tmp_path / "out", splits=["test"])
    assert told(tmp_path / "out") == corpus.texts and corpus.loaded == ["x", "y", "z"]


def test_test_clips_are_never_in_training_after_any_sequence_of_runs(tmp_path):
    chance, corpus = random.Random(0), Corpus({})
    for _ in range(12):
        corpus.texts = {split: {} for split in SPLITS}
        for letter in chance.sample("abcdefghijkl", 8):
            corpus.texts[chance.choice(SPLITS)][letter] = chance.choice(["one", "two", "bad"])
        asked = chance.sample(SPLITS, chance.randint(1, 3))
        try:
            run(corpus, tmp_path / "out", splits=asked)
        except DataError as error:
            assert "clips failed" in str(error)
        there = told(tmp_path / "out")
        for split in SPLITS:
            usable = {name: text for name, text in corpus.texts[split].items() if text != "bad"}
            if split in asked:
                assert there.get(split, {}) == usable
            assert set(there.get(split, {})) <= set(corpus.texts[split])
    run(corpus, tmp_path / "out")
    check_equal_to_fresh(corpus, tmp_path / "out", tmp_path)


def test_shares_and_the_run_that_counts_them_leave_nothing_of_an_older_deal(tmp_path):
    corpus = Corpus(letters("abcdefghij") | letters("klm", "test"))
    run(corpus, tmp_path / "out")
    corpus.texts = letters("acdefghijk") | letters("lmb", "test")
    for number in (3, 1, 2):
        run(corpus, tmp_path / "out", share=Share(number, 3))
    run(corpus, tmp_path / "out")
    assert corpus.loaded == []
    check_equal_to_fresh(corpus, tmp_path / "out", tmp_path)


class Killed(BaseException):
    """A power cut."""


@pytest.mark.parametrize("moment", range(12))
def test_a_run_that_stops_anywhere_holds_nobody_who_left_and_is_taken_up(tmp_path, monkeypatch, moment):
    """Every moment at which a shard is about to appear, and every moment at which it just has."""
    corpus = Corpus(letters("abcdefghij") | letters("klmn", "test"))
    run(corpus, tmp_path / "out")
    corpus.texts = letters("Xacefghik") | letters("Ylmb", "test")
    replace_file, count = os.replace, iter(range(1000))

    def power_cut(source, target):
        if str(target).endswith(".tar"):
            at = next(count)
            if at == moment // 2 and moment % 2 == 0:
                raise Killed
            replace_file(source, target)
            if at == moment // 2:
                raise Killed
        else:
            replace_file(source, target)

    monkeypatch.setattr(os, "replace", power_cut)
    with pytest.raises(Killed):
        run(corpus, tmp_path / "out")
    monkeypatch.setattr(os, "replace", replace_file)
    if moment >= 6:  # three shards lose clips; then nobody who left is in any
        for split in splits_of(
            tmp_path / "out"
        ):  # a clip that moves may be in two shards until it is taken up
            there = [sample for path in shard_paths(tmp_path / "out", split) for sample in read_shard(path)]
            assert {sample.key for sample in there} <= set(corpus.texts[split])
    run(corpus, tmp_path / "out")
    check_equal_to_fresh(corpus, tmp_path / "out", tmp_path)


def test_a_shard_that_was_written_but_not_noted_is_not_taken_for_the_older_one(tmp_path, monkeypatch):
    corpus = Corpus(letters("abc"))
    run(corpus, tmp_path / "out")
    corpus.texts["train"]["b"] = "corrected"
    note = Stamps.note
    monkeypatch.setattr(Stamps, "note", lambda *_: (_ for _ in ()).throw(Killed))
    with pytest.raises(Killed):
        run(corpus, tmp_path / "out")
    monkeypatch.setattr(Stamps, "note", note)
    corpus.texts["train"]["b"] = "text b"
    run(corpus, tmp_path / "out")
    assert told(tmp_path / "out")["train"]["b"] == "text b"
    check_equal_to_fresh(corpus, tmp_path / "out", tmp_path)


def test_a_list_of_sources_that_is_damaged_or_lost_costs_time_alone(tmp_path):
    corpus = Corpus(letters("abcd"))
    run(corpus, tmp_path / "out")
    whole = contents(tmp_path / "out")
    path = tmp_path / "out" / "sources.jsonl"
    rows = path.read_text().splitlines(keepends=True)
    path.write_text("".join(rows[:2]) + "\n[]\nnull\n{}\n" + rows[2] + rows[3][:20])
    run(corpus, tmp_path / "out")
    assert corpus.loaded == ["d"] and contents(tmp_path / "out") == whole
    path.unlink()
    run(corpus, tmp_path / "out")
    assert sorted(corpus.loaded) == list("abcd") and contents(tmp_path / "out") == whole


def test_a_sample_that_lacks_a_field_is_made_again(tmp_path):
    from signvip.data.shards import read_shard, writing_shard

    corpus = Corpus(letters("abcd"))
    run(corpus, tmp_path / "out")
    whole = contents(tmp_path / "out")
    path = shard_paths(tmp_path / "out", "train")[0]
    samples = [
        (sample.key, {name: sample.read(name) for name in sample.members}) for sample in read_shard(path)
    ]
    del samples[1][1]["pose.npz"]
    with writing_shard(path) as writer:
        for key, members in samples:
            writer.write(key, members)
    run(corpus, tmp_path / "out")
    assert corpus.loaded == ["b"] and contents(tmp_path / "out") == whole


def test_what_was_added_to_samples_stays_with_those_that_did_not_change(tmp_path):
    from signvip.data.rewrite import rewrite_shards

    corpus = Corpus(letters("abcdefg"))
    out = tmp_path / "out"
    run(corpus, out)
    rewrite_shards(out, out, lambda sample: {"x.npy": sample.key.encode()}, names=["x.npy"], stamp="s")
    corpus.texts = letters("Aabdefg")
    corpus.texts["train"]["e"] = "corrected"
    run(corpus, out)
    index = ShardIndex(out, "train")
    have = {key: index.read(i, "x.npy") for i, key in enumerate(index.keys) if "x.npy" in index.fields(i)}
    assert have == {key_of(letter): letter.encode() for letter in "abdfg"}


def test_manifests_name_everybody_who_left(tmp_path):
    corpus = Corpus(letters("abcdefghij"))
    run(corpus, tmp_path / "out")
    corpus.texts = letters("j")
    _, said = run(corpus, tmp_path / "out")
    assert "Took out 9 clips" in said[0] and "a, b, c, d, e and 4 more" in said[0]
    left = json.loads((tmp_path / "out" / "manifest.json").read_text())["left"]
    assert left == {"train": list("abcdefghi")}
    assert np.array_equal(ShardIndex(tmp_path / "out", "train").keys, ["j"])


def test_ten_kills_at_random_moments_leave_what_one_undisturbed_run_leaves(tmp_path):
    """SIGKILL, after which nothing can tidy up, while clips come, go and move; `nox -s slow` does it by command."""
    out, chance, fork = tmp_path / "out", random.Random(0), multiprocessing.get_context("fork")
    deals = [
        letters("abcdefghij") | letters("klm", "test"),
        letters("Xacdfghijk") | letters("lbm", "test"),
        letters("jihgfedcba") | letters("kl", "dev"),
    ]
    corpus = Corpus(deals[0])
    begin = time.monotonic()
    run(corpus, out)
    took = time.monotonic() - begin
    for number in range(10):
        corpus.texts = deals[(number + 1) % 3]
        child = fork.Process(target=run, args=(corpus, out))
        child.start()
        child.join(chance.uniform(0, took))
        child.kill()
        child.join()
    run(corpus, out)
    check_equal_to_fresh(corpus, out, tmp_path)
    assert not [path.name for path in out.iterdir() if path.name.startswith(".")]
