"""Folders of clips, in the shapes in which people have them."""

from __future__ import annotations

import json
import os

import pytest
from footage import write_pictures, write_video
from signvip_datasets.folder import Folder

from signvip.contracts import SPLITS
from signvip.errors import DataError
from signvip.testing import check_dataset


def reader(source, **options):
    return Folder(Folder.Config(source=source, **{"fps": 12.0, **options}))


def undealt(source, **options):
    """All clips in train where nothing says another split."""
    return reader(source, dev=0, test=0, **options)


def everything(found):
    return {clip_id: split for split in SPLITS for clip_id in found.ids(split)}


def why(found, clip_id):
    with pytest.raises(DataError) as caught:
        found.load(everything(found)[clip_id], clip_id)
    return str(caught.value)


def test_texts_beside_clips_of_any_kind(tmp_path):
    write_video(tmp_path / "a.mp4")
    (tmp_path / "a.txt").write_text("Regen im Süden \n", encoding="utf-8")
    write_pictures(tmp_path / "-b")
    about = {"text": "wind", "gloss": "WIND", "signer": "s1", "language": "gsg", "licence": "mine"}
    (tmp_path / "-b.json").write_text(json.dumps(about))
    found = undealt(tmp_path)
    assert set(everything(found)) == {"a", "-b"}
    clip = found.load("train", "-b")
    assert (clip.text, clip.gloss, clip.signer, clip.language, clip.licence) == tuple(about.values())
    assert found.load("train", "a").text == "Regen im Süden" and len(found.load("train", "a").frames) == 12


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("labels.tsv", 'file\ttext\tsigner\na.mp4\tShe said "go".\ts1\nsub/b\tno ending\ts2\n'),
        ("labels.csv", 'path,sentence,speaker\na.mp4,"She said ""go"".",s1\nsub/b,no ending,s2\n'),
        ("labels.csv", 'video|translation|speaker\na.mp4|She said "go".|s1\nsub/b|no ending|s2\n'),
        (
            "labels.jsonl",
            '{"path": "a.mp4", "text": "She said \\"go\\".", "signer": "s1"}\n'
            '{"path": "sub/b", "text": "no ending", "signer": "s2"}\n',
        ),
    ],
)
def test_a_table_of_any_kind(tmp_path, name, content):
    write_video(tmp_path / "a.mp4")
    write_video(tmp_path / "sub" / "b.mov")
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = reader(tmp_path)
    first, second = (found.load(split, clip_id) for clip_id, split in sorted(everything(found).items()))
    assert (first.text, first.signer) == ('She said "go".', "s1")
    assert (second.text, second.signer) == ("no ending", "s2")


def test_every_clip_and_every_text_is_accounted_for(tmp_path):
    write_video(tmp_path / "good.mp4")
    write_video(tmp_path / "unlisted.mp4")
    (tmp_path / "labels.tsv").write_text("file\ttext\ngood.mp4\thello\ngone.mp4\tlost\n")
    found = reader(tmp_path)
    assert set(everything(found)) == {"good", "unlisted", "gone"}
    assert why(found, "gone") == "the text has no clip"
    assert why(found, "unlisted") == "the clip has no text"


def test_texts_without_clips_are_told_without_a_table_too(tmp_path):
    write_video(tmp_path / "a.mp4")
    (tmp_path / "b.txt").write_text("lost")
    found = reader(tmp_path)
    assert why(found, "b") == "the text has no clip" and why(found, "a") == "the clip has no text"


def test_splits_by_folder_and_by_column(tmp_path):
    for split in ("train", "val", "test"):
        write_video(tmp_path / "folders" / split / f"{split}.mp4")
        (tmp_path / "folders" / split / f"{split}.txt").write_text(split)
    by_folder = reader(tmp_path / "folders")
    assert [by_folder.load(split, by_folder.ids(split)[0]).text for split in SPLITS] == [
        "train",
        "val",
        "test",
    ]
    write_video(tmp_path / "column" / "a.mp4")
    write_video(tmp_path / "column" / "b.mp4")
    (tmp_path / "column" / "t.csv").write_text("path,text,split\na.mp4,x,validation\nb.mp4,y,train\n")
    by_column = reader(tmp_path / "column")
    assert (by_column.ids("train"), by_column.ids("dev"), by_column.ids("test")) == (["b"], ["a"], [])


def test_signers_are_dealt_whole(tmp_path):
    rows = []
    for number in range(80):
        (tmp_path / f"{number}.mp4").touch()
        rows.append(f"{number}.mp4\ttext {number}\tsigner {number % 40}")
    (tmp_path / "t.tsv").write_text("file\ttext\tsigner\n" + "\n".join(rows))
    found = reader(tmp_path)
    signers = {split: {int(clip_id) % 40 for clip_id in found.ids(split)} for split in SPLITS}
    assert all(signers.values()) and sum(map(len, signers.values())) == 40


def test_clips_are_dealt_alike_on_every_machine(tmp_path):
    """By the first eight bytes of SHA-256 over their names: b's is 0.24 of all, h's 0.67, i's 0.87."""
    for name in "abcdefghijkl":
        (tmp_path / f"{name}.mp4").write_bytes(b"")
    reader = Folder(Folder.Config(source=tmp_path, dev=0.3, test=0.3))
    assert {split: "".join(reader.ids(split)) for split in SPLITS} == {
        "train": "hkl",
        "dev": "agi",
        "test": "bcdefj",
    }


def test_a_clip_is_stamped_by_its_text_and_by_its_footage(tmp_path):
    clip, text = tmp_path / "a.mp4", tmp_path / "a.txt"

    def stamp() -> str:
        reader = Folder(Folder.Config(source=tmp_path))
        (split,) = [split for split in SPLITS if reader.ids(split)]
        return reader.stamp(split, "a")

    clip.write_bytes(b"one")
    text.write_text("rain")
    stamps = [stamp(), stamp()]
    text.write_text("snow")
    stamps.append(stamp())
    clip.write_bytes(b"three")
    stamps.append(stamp())
    assert stamps[0] == stamps[1] and len(set(stamps)) == 3


def test_parts_of_one_video_by_seconds(tmp_path):
    write_video(tmp_path / "long.mp4", frames=24)
    (tmp_path / "t.csv").write_text("path,text,start,end\nlong.mp4,one,0,0.5\nlong.mp4,two,0.5,9\n")
    found = reader(tmp_path, dev=0, test=0)
    assert [len(found.load("train", clip_id).frames) for clip_id in found.ids("train")] == [6, 18]


def test_one_name_in_two_formats_gives_two_ids(tmp_path):
    write_video(tmp_path / "a.mp4")
    write_video(tmp_path / "a.mov")
    (tmp_path / "a.txt").write_text("both")
    assert set(everything(reader(tmp_path))) == {"a", "a-2"}


def test_a_number_that_stands_in_a_name_already_is_not_given_again(tmp_path):
    for name in ("a.mp4", "a.mov", "a-2.mp4"):
        write_video(tmp_path / name)
    assert len(everything(reader(tmp_path))) == 3


def test_times_that_are_none_cost_their_own_clip_alone(tmp_path):
    write_video(tmp_path / "long.mp4", frames=24)
    (tmp_path / "t.csv").write_text("path,text,start,end\nlong.mp4,a,0:10,1\nlong.mp4,b,1,1\nlong.mp4,c,,1\n")
    found = reader(tmp_path, dev=0, test=0)
    words, empty, good = found.ids("train")
    assert "'0:10' to '1' are not times in seconds" in why(found, words)
    assert "begin at 1 s and end at 1 s" in why(found, empty)
    assert len(found.load("train", good).frames) == 12


def test_links_are_followed_but_not_into_a_circle(tmp_path):
    write_video(tmp_path / "disk" / "a.mp4")
    (tmp_path / "disk" / "a.txt").write_text("hello")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "train").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "back").symlink_to(corpus)
    (corpus / "dangling.mp4").symlink_to("nowhere.mp4")
    (corpus / "dangling.txt").write_text("lost")
    found = reader(corpus)
    first, dangling = sorted(everything(found), reverse=True)
    assert found.load("train", first).text == "hello"
    assert dangling == "dangling" and "there is no footage" in why(found, dangling)


def test_a_folder_that_may_not_be_read_is_told_as_a_clip(tmp_path, monkeypatch):
    write_video(tmp_path / "a.mp4")
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked.txt").write_text("who knows")
    monkeypatch.setattr(os, "access", lambda path, mode: path.name != "locked")  # root may read everything
    assert set(everything(reader(tmp_path))) == {"a", "locked"}


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.mp4")
    (tmp_path / "a.txt").write_text("rain")
    assert "is not a file" in why(reader(tmp_path), "a")


def test_it_keeps_the_contract_of_readers(tmp_path):
    for name in "abcd":
        write_video(tmp_path / f"{name}.x.mp4", frames=3)
        (tmp_path / f"{name}.x.txt").write_text(name)
    check_dataset(Folder, source=tmp_path, fps=12.0)


@pytest.mark.parametrize(
    ("prepare", "sentence"),
    [
        (lambda folder: folder.rmdir(), "There is no folder"),
        (lambda folder: None, "holds no clips"),
        (lambda folder: [(folder / n).write_text("") for n in ("a.csv", "b.tsv")], "several tables"),
        (
            lambda folder: (folder / "a.csv").write_text("film,words\nx,y\n"),
            "a column 'path' and a column 'text'",
        ),
        (lambda folder: (folder / "a.csv").write_text("path,text,Text\n"), "has the column 'text' twice"),
        (lambda folder: (folder / "a.csv").mkdir(), "cannot be read"),
    ],
)
def test_a_folder_that_cannot_be_read_is_a_sentence(tmp_path, prepare, sentence):
    folder = tmp_path / "corpus"
    folder.mkdir()
    prepare(folder)
    with pytest.raises(DataError, match=sentence):
        reader(folder).ids("train")
