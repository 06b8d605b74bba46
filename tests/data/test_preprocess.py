from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from corpus import clip
from PIL import Image
from signvip_conditions import Hand3d, Pose
from workers import PATIENCE

from signvip.data import preprocess as engine
from signvip.data.executors import Here, Processes
from signvip.data.manifest import Manifest
from signvip.data.preprocess import Share, preprocess
from signvip.data.sample import Recipe, check_clip, describe
from signvip.data.shards import ShardIndex, read_shard
from signvip.errors import DataError, MismatchError

SIZE, FPS = (64, 64), 12.0


@dataclass
class Reader:
    """A corpus of `count` clips a split; those in `bad` cannot be used, each for another reason."""

    count: int = 7
    bad: tuple[str, ...] = ()
    stop_at: str | None = None  # here the user presses Ctrl-C
    loaded: list[str] = field(default_factory=list)

    def ids(self, split):
        return [f"{split}-{i}" for i in range(self.count)] if split != "test" else []

    def load(self, split, clip_id):
        self.loaded.append(clip_id)
        if clip_id == self.stop_at:
            raise KeyboardInterrupt
        if clip_id in self.bad:
            return self.unusable(clip_id)
        return replace(clip(clip_id), text=f"Sentence {clip_id}")

    def unusable(self, clip_id):
        match self.bad.index(clip_id):
            case 0:
                raise DataError("the file is cut short")
            case 1:
                raise KeyError("a fault in the reader")
            case 2:
                return clip(clip_id, frames=1)
            case 3:
                return clip(clip_id, text=" ")
            case 4:
                return clip(clip_id, fps=7.0)
            case _:
                return replace(clip(clip_id), known={})


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(engine, "CLIPS_A_SHARD", 3)


def run(out, reader=None, conditions=("pose", "hand3d"), **options):
    classes = {"pose": Pose, "hand3d": Hand3d}
    chosen = {name: classes[name](classes[name].Config()) for name in conditions}
    recipe = Recipe(reader or Reader(), chosen, options.pop("size", SIZE), options.pop("fps", FPS))
    workers = options.pop("workers", 0)
    executor = Processes(workers, options.pop("time_limit", 60)) if workers else Here()
    return preprocess(recipe, out, executor=executor, **options).manifest


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def reasons(folder):
    rows = [json.loads(line) for line in (folder / "failed.jsonl").read_text().splitlines()]
    return {row["id"]: row["reason"] for row in rows}


def test_shards_hold_what_the_contract_says(tmp_path):
    manifest = run(tmp_path)
    index = ShardIndex(tmp_path, "train")
    assert len(index) == 7 and len(index.shards) == 3 and manifest == Manifest.read(tmp_path)
    assert set(index.fields(0)) == {"mp4", "json", "txt", "pose.npz", "hand3d.npz"}
    meta, (frames, fps) = index.load(4, "json"), index.load(4, "mp4")
    assert (meta["id"], meta["text"], meta["language"], meta["text_language"]) == (
        "train-4",
        "Sentence train-4",
        "qaa",
        "en",
    )
    assert (meta["frames"], meta["height"], meta["width"], meta["fps"]) == (12, 64, 64, 12) and fps == 12
    assert frames.shape == (12, 64, 64, 3) and index.load(4, "txt") == meta["text"]
    pose = Pose(Pose.Config())
    assert np.array_equal(
        pose.draw(index.load(4, "pose.npz"), (80, 80)), pose.draw(pose.extract(clip()), (80, 80))
    )


def test_any_number_of_workers_gives_the_same_bytes(tmp_path):
    reader = Reader(bad=("train-1",))
    for workers in (0, 1, 3):
        run(tmp_path / str(workers), reader, workers=workers)
    assert contents(tmp_path / "0") == contents(tmp_path / "1") == contents(tmp_path / "3")


def test_bad_clips_are_told_and_stop_nothing_and_counts_add_up(tmp_path):
    bad = tuple(f"train-{i}" for i in range(6))
    counts = run(tmp_path, Reader(bad=bad)).splits["train"]
    assert (counts.clips_in, counts.clips_out, counts.failed, counts.frames) == (7, 1, 6, 12)
    told = reasons(tmp_path)
    assert set(told) == set(bad)
    for clip_id, words in zip(
        bad, ["cut short", "KeyError", "1 frames", "no text", "7 frames a second", "without"], strict=True
    ):
        assert words in told[clip_id]


def test_a_split_may_fail_whole_but_not_all(tmp_path):
    bad = tuple(f"dev-{i}" for i in range(7))
    assert run(tmp_path / "a", Reader(bad=bad)).splits["dev"].clips_out == 0
    with pytest.raises(DataError, match="All 7 clips failed, the first because the file is cut short"):
        run(tmp_path / "b", Reader(bad=bad), splits=["dev"])


def test_an_interrupted_run_leaves_whole_shards_and_resumes(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "a", Reader(stop_at="train-5"))
    assert [path.name for path in (tmp_path / "a").glob("*.tar")] == ["train-000000.tar"]
    assert not list((tmp_path / "a").glob(".*"))
    (tmp_path / "a" / ".train-000001.tar.partial").write_bytes(b"left by a killed process")
    reader = Reader()
    run(tmp_path / "a", reader)
    assert not {"train-0", "train-1", "train-2"} & set(reader.loaded) and "train-3" in reader.loaded
    run(tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_second_run_does_nothing_and_a_damaged_shard_is_made_again(tmp_path):
    reader = Reader()
    run(tmp_path, reader)
    whole = contents(tmp_path)
    reader.loaded.clear()
    run(tmp_path, reader)
    assert not reader.loaded and contents(tmp_path) == whole
    path = tmp_path / "train-000001.tar"
    path.write_bytes(path.read_bytes()[:5000])
    run(tmp_path, reader)
    assert reader.loaded == ["train-3", "train-4", "train-5"] and contents(tmp_path) == whole


def test_failed_clips_are_tried_again_when_asked(tmp_path):
    reader = Reader(bad=("train-1",))
    run(tmp_path, reader)
    reader.bad = ()
    reader.loaded.clear()
    assert run(tmp_path, reader).splits["train"].failed == 1 and not reader.loaded
    counts = run(tmp_path, reader, retry_failed=True).splits["train"]
    assert (counts.clips_out, counts.failed) == (7, 0) and reasons(tmp_path) == {}
    assert reader.loaded == ["train-1"]
    assert ShardIndex(tmp_path, "train").keys == [f"train-{i}" for i in range(7)]


def test_other_options_are_refused_in_words(tmp_path):
    run(tmp_path)
    with pytest.raises(MismatchError, match=r"made with another conditions; choose another folder"):
        run(tmp_path, conditions=["pose"])
    with pytest.raises(MismatchError, match="another fps"):
        run(tmp_path, fps=25.0)


def test_a_folder_in_which_all_clips_failed_is_free_for_other_options(tmp_path):
    reader = Reader(count=2, bad=("train-0", "train-1", "dev-0", "dev-1"))
    with pytest.raises(DataError, match="All 4 clips failed"):
        run(tmp_path, reader, conditions=["pose"])
    reader.bad = ()
    manifest = run(tmp_path, reader, conditions=["hand3d"])
    assert list(manifest.conditions) == ["hand3d"] and manifest.splits["train"].clips_out == 2
    assert reasons(tmp_path) == {}


def test_a_full_disk_is_a_sentence_and_leaves_no_half_shard(tmp_path, monkeypatch):
    class Full(Hand3d):
        def extract(self, clip):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(DataError, match=r"disk is full.*again"):
        preprocess(Recipe(Reader(), {"hand3d": Full(Full.Config())}, SIZE, FPS), tmp_path)
    assert not list(tmp_path.glob("*.tar")) and not list(tmp_path.glob(".*"))


class Dies(Reader):
    def load(self, split, clip_id):
        if clip_id == "train-1" and self.bad:
            os._exit(9)
        return super().load(split, clip_id)


class Hangs(Reader):
    def load(self, split, clip_id):
        if clip_id == "train-4" and self.bad:
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # deaf, as a decoder in C may be
            time.sleep(600)
        return super().load(split, clip_id)


@pytest.mark.parametrize(
    ("reader", "clip_id", "limit", "words"),
    [(Dies, "train-1", 600, "worker was killed"), (Hangs, "train-4", 3, "longer than 3 s")],
)
def test_a_clip_that_kills_its_worker_or_hangs_is_the_only_one_lost(tmp_path, reader, clip_id, limit, words):
    troubled = reader(bad=("test-0",))
    counts = run(tmp_path, troubled, workers=2, time_limit=limit).splits["train"]
    assert (counts.clips_out, counts.failed) == (6, 1)
    assert words in reasons(tmp_path)[clip_id] and "--retry-failed" in reasons(tmp_path)[clip_id]
    troubled.bad = ()
    run(tmp_path, troubled, retry_failed=True)
    assert reasons(tmp_path) == {} and len(ShardIndex(tmp_path, "train")) == 7


def test_shares_of_a_job_array_make_what_one_run_makes(tmp_path):
    reader = Reader(bad=("train-1", "dev-5"))
    run(tmp_path / "whole", reader)
    for number in (2, 1, 3):
        run(tmp_path / "shares", reader, share=Share(number, 3))
    assert not (tmp_path / "shares" / "failed.jsonl").exists()
    loaded = len(reader.loaded)
    manifest = run(tmp_path / "shares", reader)
    assert len(reader.loaded) == loaded  # nothing was left to do
    assert contents(tmp_path / "shares") == contents(tmp_path / "whole")
    assert manifest.splits["train"].failed == 1 and set(reasons(tmp_path / "shares")) == {"train-1", "dev-5"}


def test_a_summary_tells_what_came_out_and_why_the_rest_did_not(tmp_path):
    bad = ("train-0", "train-1", "dev-2")
    chosen = {"pose": Pose(Pose.Config())}
    summary = preprocess(Recipe(Reader(bad=bad), chosen, SIZE, FPS), tmp_path).summary
    assert (summary.clips_in, summary.clips_out, summary.texts) == (14, 11, 11)
    assert summary.failed == {
        "the file is cut short": 1,
        "KeyError: …": 1,
        "the clip has … frames; a video needs at least …": 1,
    }
    assert summary.mean_seconds == pytest.approx(1.0) and summary.frames_per_second > 0
    again = preprocess(Recipe(Reader(bad=bad), chosen, SIZE, FPS), tmp_path).summary
    assert again.clips_out == 11 and again.frames_per_second is None


def test_ids_that_differ_by_a_dot_stay_apart_and_ids_given_twice_are_refused(tmp_path):
    class Named(Reader):
        names = ("a.b", "a_b", "a/b")

        def ids(self, split):
            return list(self.names) if split == "train" else []

    run(tmp_path, Named())
    index = ShardIndex(tmp_path, "train")
    assert [index.load(i, "json")["id"] for i in range(3)] == list(Named.names)
    assert not any("." in key for key in index.keys)
    Named.names = ("a", "a")
    with pytest.raises(DataError, match="lists a more than once in train"):
        run(tmp_path, Named())


def test_a_preview_shows_frames_and_conditions(tmp_path):
    run(tmp_path)
    with Image.open(tmp_path / "preview-train.png") as sheet:
        rows = np.asarray(sheet)[:, 100:].reshape(9, 130, -1)  # 3 clips of 3 rows, twice enlarged
    assert all(row.std() > 5 for row in rows.astype(float))
    assert (tmp_path / "preview-dev.png").exists() and not (tmp_path / "preview-test.png").exists()


def test_progress_ends_where_it_should(tmp_path):
    seen = []
    run(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen) and seen[-1] == (14, 14)


SLOW = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job starts deaf to it
sys.path[:0] = {paths!r}
import test_preprocess as t
class Slow(t.Reader):
    def load(self, split, clip_id):
        print("loading", flush=True)
        time.sleep(2)
        return super().load(split, clip_id)
t.engine.CLIPS_A_SHARD = 3
t.run(t.Path({out!r}), Slow(), workers=2)
"""


def test_control_c_ends_the_workers_and_leaves_no_part(tmp_path):
    here = Path(__file__).parent
    paths = [str(here), str(here.parent / "conditions")]
    script = SLOW.format(paths=paths, out=str(tmp_path))
    command = [sys.executable, "-c", script]
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    for _ in range(2):
        child.stdout.readline()  # both workers are at their first clip, and the parent waits for them
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    child.communicate(timeout=PATIENCE)  # until the last of them is gone
    assert child.returncode != 0
    assert not list(tmp_path.glob(".*")) and all(read_shard(path) for path in tmp_path.glob("*.tar"))


def test_letters_of_frames_are_stored_where_a_clip_knows_them():
    known = replace(clip(), alignment=np.arange(12) // 2 - 1)
    assert "alignment" not in describe(clip(), "train")
    assert describe(known, "train")["alignment"] == [-1, -1, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("places", [np.zeros(11, int), np.full(12, -2), np.full(12, 9999)])
def test_letters_that_are_not_of_the_text_are_refused(places):
    with pytest.raises(DataError, match="needs a character of the text, or -1, for each of its 12 frames"):
        check_clip(replace(clip(), alignment=places), 12)
