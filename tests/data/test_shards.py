from __future__ import annotations

import io
import itertools
import pickle
import tarfile

import numpy as np
import pytest

from signvip.data import fields
from signvip.data.rewrite import rewrite_shards
from signvip.data.shards import ShardIndex, ShardWriter, read_shard
from signvip.errors import DataError


def sample(number):
    arrays = {"keypoints": np.full((3, 2), number, np.float16)}
    return {
        "json": fields.encode("json", {"id": f"clip {number}", "text": "Schöner Tag"}),
        "txt": "Schöner Tag".encode(),
        "pose.npz": fields.encode("pose.npz", arrays),
        "tokens.npy": fields.encode("tokens.npy", np.arange(number + 1, dtype=np.uint16)),
    }


@pytest.fixture
def folder(tmp_path):
    with ShardWriter(tmp_path / "shards", "train", max_samples=4) as writer:
        for number in range(10):
            writer.write(f"clip-{number}", sample(number))
    return tmp_path / "shards"


def test_shards_fill_up_in_order(folder):
    assert sorted(path.name for path in folder.iterdir()) == [f"train-{i:06d}.tar" for i in range(3)]
    assert [len(read_shard(path)) for path in sorted(folder.iterdir())] == [4, 4, 2]


def test_shards_also_end_by_size(tmp_path):
    with ShardWriter(tmp_path, "dev", max_bytes=1000) as writer:
        for number in range(3):
            writer.write(f"clip-{number}", {"txt": b"x" * 600})
    assert [len(read_shard(path)) for path in sorted(tmp_path.iterdir())] == [2, 1]


def test_every_field_can_be_read_at_random(folder):
    index = pickle.loads(pickle.dumps(ShardIndex(folder, "train")))  # worker processes get it pickled
    assert len(index) == 10 and index.keys[9] == "clip-9" and index.has("tokens.npy")
    for i in [9, 0, 5]:
        assert index.load(i, "json")["id"] == f"clip {i}" and index.load(i, "txt") == "Schöner Tag"
        assert (index.load(i, "pose.npz")["keypoints"] == i).all()
        assert index.load(i, "tokens.npy").tolist() == list(range(i + 1))


def test_any_webdataset_reader_opens_them(folder):
    webdataset = pytest.importorskip("webdataset")
    paths = [str(path) for path in sorted(folder.iterdir())]
    read = list(webdataset.WebDataset(paths, shardshuffle=False).decode())
    assert [row["__key__"] for row in read] == [f"clip-{i}" for i in range(10)]
    assert read[3]["txt"] == "Schöner Tag" and read[3]["tokens.npy"].tolist() == [0, 1, 2, 3]
    assert (read[7]["pose.npz"]["keypoints"] == 7).all()


def test_equal_samples_give_equal_bytes(folder, tmp_path):
    with ShardWriter(tmp_path / "again", "train", max_samples=4) as writer:
        for number in range(10):
            writer.write(f"clip-{number}", sample(number))
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_an_interrupted_shard_does_not_appear(tmp_path):
    with pytest.raises(KeyboardInterrupt), ShardWriter(tmp_path, "train", max_samples=2) as writer:
        for number in range(5):
            writer.write(f"clip-{number}", sample(number))
        raise KeyboardInterrupt
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train-000000.tar", "train-000001.tar"]


def test_damage_names_the_shard_and_the_way_out(folder):
    path = folder / "train-000001.tar"
    data = path.read_bytes()
    boundary = read_shard(path)[2].members["json"][0] - 512  # between two members
    for cut in [0, 100, 700, boundary, len(data) // 2]:
        path.write_bytes(data[:cut])
        with pytest.raises(DataError, match=r"train-000001\.tar is damaged .*delete it and run"):
            ShardIndex(folder, "train")


def test_a_shard_that_shrinks_while_it_is_read_is_an_error(folder):
    index = ShardIndex(folder, "train")
    index.shards[2].write_bytes(b"")
    with pytest.raises(DataError, match="became shorter"):
        index.load(9, "tokens.npy")


def test_what_is_missing_says_how_to_make_it(folder):
    with pytest.raises(DataError, match=r"no dev shards .* signvip preprocess --split dev"):
        ShardIndex(folder, "dev")
    with pytest.raises(DataError, match=r"no latents\.npy; write it with: signvip encode"):
        ShardIndex(folder, "train").load(0, "latents.npy")


def latents(value, calls=None):
    def add(sample):
        if calls is not None:
            calls.append(sample.key)
        return {"latents.npy": fields.encode("latents.npy", np.full(3, value, np.float16))}

    return add


def test_rewriting_adds_fields_and_keeps_the_others(folder, tmp_path):
    seen = []
    rewrite_shards(
        folder,
        tmp_path / "out",
        latents(1),
        names=["latents.npy"],
        stamp="a",
        progress=lambda *at: seen.append(at),
    )
    old, new = ShardIndex(folder, "train"), ShardIndex(tmp_path / "out", "train")
    assert new.keys == old.keys and [path.name for path in new.shards] == [path.name for path in old.shards]
    assert all(new.read(i, name) == old.read(i, name) for i in range(10) for name in ("txt", "pose.npz"))
    assert new.load(4, "latents.npy").tolist() == [1, 1, 1]
    assert new.load(4, "json")["made"] == {"latents.npy": "a"}
    assert seen[-1] == (10, 10) and all(a <= b for (a, _), (b, _) in itertools.pairwise(seen))


def test_rewriting_resumes_in_place_and_new_weights_redo_all(folder):
    calls = []

    def fails_late(sample):
        if sample.key == "clip-5":
            raise KeyboardInterrupt
        return latents(1, calls)(sample)

    with pytest.raises(KeyboardInterrupt):
        rewrite_shards(folder, folder, fails_late, names=["latents.npy"], stamp="a")
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    calls.clear()
    rewrite_shards(folder, folder, latents(1, calls), names=["latents.npy"], stamp="a")
    assert calls == [f"clip-{i}" for i in range(4, 10)]
    calls.clear()
    rewrite_shards(folder, folder, latents(2, calls), names=["latents.npy"], stamp="b")
    assert len(calls) == 10 and ShardIndex(folder, "train").load(0, "latents.npy")[0] == 2


def test_a_clip_that_comes_twice_is_refused(folder):
    (folder / "train-000007.tar").write_bytes((folder / "train-000001.tar").read_bytes())
    with pytest.raises(DataError, match=r"clip-4 is in .*train-000001\.tar and in .*train-000007\.tar"):
        ShardIndex(folder, "train")
    with tarfile.open(folder / "train-000002.tar", "w") as tar:
        for data in (b"one", b"two"):
            member = tarfile.TarInfo("a.txt")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with pytest.raises(DataError, match=r"a\.txt comes twice"):
        read_shard(folder / "train-000002.tar")


def test_shards_without_a_clip_are_refused(tmp_path):
    tarfile.open(tmp_path / "dev-000000.tar", "w").close()
    with pytest.raises(DataError, match="no clip is in it"):
        ShardIndex(tmp_path, "dev")
