"""`signvip preprocess` again, after its corpus or its options changed: the shards hold what is dealt now."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from footage import picture, write_pictures, write_video

from signvip.data.shards import ShardIndex, splits_of
from signvip.data.video import read_video

SEEING = Path(__file__).parent.parent / "data" / "seeing.py"
HOW = f"--dataset folder --plugin {SEEING} --estimator seeing --condition pose --size 24x24 --fps 12 --preset tiny"
HOW = [*HOW.split(), "--workers", "0"]


@pytest.fixture
def again(signvip):
    """Run `preprocess` on `corpus`, and say what each split holds: {split: {id: text}}."""

    def run(*more, code=0):
        result = signvip("preprocess", "corpus", "out", *HOW, *more)
        assert result.exit_code == code, result.stderr
        found = {}
        for split in splits_of(Path("out")) if Path("out").is_dir() else ():
            index = ShardIndex("out", split)
            found[split] = {index.load(i, "json")["id"]: index.load(i, "txt") for i in range(len(index))}
        return found, result.stderr

    for split, names in {"train": "abc", "test": "xy"}.items():
        for name in names:
            write_video(Path("corpus") / split / f"{name}.mp4", frames=4)
            (Path("corpus") / split / f"{name}.txt").write_text(f"text {name}")
    return run


def bytes_of(folder="out"):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).glob("*.tar"))}


def brightness(split, clip_id):
    index = ShardIndex("out", split)
    number = next(i for i in range(len(index)) if index.load(i, "json")["id"] == clip_id)
    return float(read_video(index.read(number, "mp4"))[0].mean())


def touch(path):
    about = path.stat()
    os.utime(path, ns=(about.st_atime_ns, about.st_mtime_ns + 10**9))


def test_who_withdraws_is_named_and_in_no_shard(again):
    again()
    for path in Path("corpus").rglob("b.*"):
        path.unlink()
    found, said = again()
    assert {split: sorted(texts.values()) for split, texts in found.items()} == {
        "train": ["text a", "text c"],
        "test": ["text x", "text y"],
    }
    assert "Took out 1 clip that the dataset no longer has in train: train_b" in said
    assert not any(b"text b" in data for data in bytes_of().values())


def test_a_clip_that_moves_from_test_to_train_is_in_one_of_them(again):
    again()
    for path in list(Path("corpus/test").glob("x.*")):
        shutil.move(path, "corpus/train")
    found, said = again("--split", "train")
    assert sorted(found["train"].values()) == ["text a", "text b", "text c", "text x"]
    assert list(found["test"].values()) == ["text y"] and "in test: test_x" in said


@pytest.mark.parametrize("name", ["b.txt", "b.mp4"])
def test_a_corrected_text_and_a_replaced_video_are_made_again(again, name):
    before, _ = again()
    key = next(name for name in before["train"] if name.startswith("train_b"))
    was = brightness("train", key)
    path = Path("corpus/train") / name
    if name.endswith("txt"):
        path.write_text("text B")  # as many letters
        touch(path)
        after, _ = again()
        assert after["train"][key] == "text B" and brightness("train", key) == was
    else:
        write_video(path, frames=12)
        again()
        assert brightness("train", key) > was + 10
    others = {key: text for key, text in before["train"].items() if "_b" not in key}
    assert others.items() <= again()[0]["train"].items()


def test_a_picture_of_a_folder_that_changes_is_noticed(again):
    write_pictures(Path("corpus/train/p"), frames=4)
    Path("corpus/train/p.txt").write_text("pictures")
    again()
    key = next(name for name in again()[0]["train"] if name.startswith("train_p"))
    was = brightness("train", key)
    from PIL import Image

    Image.fromarray(255 - picture(0)).save("corpus/train/p/images0002.png")
    touch(Path("corpus/train/p/images0002.png"))
    again()
    assert brightness("train", key) > was + 10


def test_labels_of_a_table_and_options_of_the_reader_are_noticed(again):
    def table(signer):
        rows = ["path\ttext\tsigner\tsplit"]
        rows += [f"{split}/{name}.mp4\ttext {name}\t{signer}\t{split}" for split, name in
                 (("train", "a"), ("train", "b"), ("train", "c"), ("test", "x"), ("test", "y"))]  # fmt: skip
        Path("corpus/t.tsv").write_text("\n".join(rows))

    def told(what):
        return {ShardIndex("out", "train").load(i, "json")[what] for i in range(3)}

    table("s1")
    again()
    first = bytes_of()
    again()
    assert bytes_of() == first and told("signer") == {"s1"}
    table("s2")
    again("--set", "dataset.licence=mine")
    assert (told("signer"), told("licence")) == ({"s2"}, {"mine"})
    table("s1")
    again("--set", "dataset.licence=")
    assert bytes_of() == first


def test_a_broken_video_that_is_mended_needs_no_option(again):
    Path("corpus/train/b.mp4").write_bytes(b"broken")
    found, _ = again()
    assert len(found["train"]) == 2
    write_video(Path("corpus/train/b.mp4"), frames=4)
    assert len(again()[0]["train"]) == 3 and Path("out/failed.jsonl").read_text() == ""


def test_a_generated_clip_is_refused_until_it_is_asked_for(again):
    Path("corpus/train/b.json").write_text(json.dumps({"generated": True, "text": "text b"}))
    found, _ = again()
    assert len(found["train"]) == 2 and "generated by a model" in Path("out/failed.jsonl").read_text()
    found, _ = again("--set", "dataset.generated=take")
    assert len(found["train"]) == 3
    index = ShardIndex("out", "train")
    assert [index.load(i, "json").get("generated", False) for i in range(3)] == [False, True, False]
    assert len(again()[0]["train"]) == 2


FEW = (
    "--set dataset.dev=1 --set dataset.test=1 --size 32x32 --workers 0 --preset tiny --condition pose".split()
)


def drawn(signvip, *options):
    result = signvip("preprocess", "toysign", "drawn", *FEW, *options)
    assert result.exit_code == 0, result.stderr
    return {path.name: path.read_bytes() for path in Path("drawn").glob("*.tar")}, result.stderr


def test_a_drawn_corpus_becomes_smaller_larger_and_another(signvip):
    three, _ = drawn(signvip, "--set", "dataset.train=3")
    two, said = drawn(signvip, "--set", "dataset.train=2")
    assert "no longer has in train: toy-train-00002" in said
    assert len(ShardIndex("drawn", "train")) == 2 and two != three
    assert drawn(signvip, "--set", "dataset.train=3")[0] == three
    other, said = drawn(signvip, "--set", "dataset.train=3", "--set", "dataset.seed=1")
    assert "Took out" not in said and other.keys() == three.keys() and other != three
    assert drawn(signvip, "--set", "dataset.train=3")[0] == three
    shutil.rmtree("drawn")
    assert drawn(signvip, "--set", "dataset.train=3")[0] == three


@pytest.mark.parametrize(
    ("source", "out"),
    [
        ("corpus", "corpus"),
        ("corpus", "corpus/shards"),
        ("corpus", "corpus/train/deep/shards"),
        ("data/corpus", "data"),
        ("corpus", "link"),
        ("link", "corpus/../corpus/x"),
    ],
)
def test_shards_among_clips_and_clips_among_shards_are_refused(signvip, source, out):
    for folder in ("corpus", "data/corpus"):
        write_video(Path(folder) / "a.mp4", frames=3)
        Path(folder, "a.txt").write_text("x")
    Path("link").symlink_to("corpus")
    before = sorted(Path().rglob("*"))
    result = signvip("preprocess", source, out, *HOW)
    assert result.exit_code == 1 and "lie in one another; give OUT another folder" in result.stderr
    assert sorted(Path().rglob("*")) == before


def test_another_corpus_does_not_replace_the_first_one(signvip, again):
    again()
    before = bytes_of()
    shutil.copytree("corpus", "other")
    result = signvip("preprocess", "other", "out", *HOW)
    assert result.exit_code == 1 and "made with another source; choose another folder" in result.stderr
    assert bytes_of() == before
    result = signvip("preprocess", str(Path("corpus").resolve()), "out", *HOW)
    assert result.exit_code == 0 and bytes_of() == before


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("steps=3", "write sampler.steps or stage1.detail.steps or"),
        ("stage2.guidance=3", "write sampler.guidance"),
        ("stage3.vae=3", "write stage1.vae or start.vae"),
        ("stage2.stebs=3", "did you mean 'steps'?"),
        ("saed=3", "did you mean 'seed'?"),
    ],
)
def test_a_setting_in_the_wrong_place_is_told_where_it_belongs(signvip, setting, words):
    result = signvip("preprocess", "--preset", "tiny", "--set", setting)
    assert result.exit_code == 1 and words in result.stderr
    word = setting.partition("=")[0]
    assert f"did you mean '{word}'" not in result.stderr
