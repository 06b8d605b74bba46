"""Files beside clips, hidden files, and the splits that clips are dealt to."""

from __future__ import annotations

import random
import unicodedata

import numpy as np
import pytest
from footage import numbers, write_pictures, write_video
from signvip_datasets.folder import Folder
from signvip_datasets.how2sign import How2Sign
from signvip_datasets.phoenix14t import Phoenix14T

from signvip.contracts import SPLITS
from signvip.errors import DataError
from signvip.estimation.stored import find, read


def reader(source, **options):
    return Folder(Folder.Config(source=source, **{"fps": 12.0, **options}))


def splits(found):
    return {clip_id: split for split in SPLITS for clip_id in found.ids(split)}


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """What is said of clip `a` with these files beside it: a clip, or why there is none."""
    (tmp_path / "a.mp4").touch()
    monkeypatch.setattr(
        "signvip_datasets.entries.read_footage", lambda *_, **__: np.zeros((1, 8, 8, 3), np.uint8)
    )

    def say(**files):
        for ending, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / f"a.{ending}").write_bytes(data)
        found = reader(tmp_path)
        (clip_id,) = splits(found)
        try:
            return found.load(splits(found)[clip_id], clip_id)
        except DataError as error:
            return str(error)

    return say


@pytest.mark.parametrize(
    "other",
    [
        '{"people": [{"pose_keypoints_2d": [1, 2, 3]}]}',
        '[{"start": 0, "word": "rain"}]',
        '{"text": ["Rain"], "signer": {"x": 1}}',
        "not JSON at all",
        '{"title": "clip", "tags": ["x"]}',
        '{"text": null, "signer": NaN}',
        b"\xff\xfe{",
        "",
        "[" * 100_000,
    ],
)
def test_a_json_that_is_not_ours_hides_no_text(beside, other):
    clip = beside(txt="Rain\n", json=other)
    assert (clip.text, clip.signer) == ("Rain", None)


@pytest.mark.parametrize("nothing", ["null", "NaN", '""', '"nan"', '"  "'])
def test_what_nobody_knows_is_none(beside, nothing):
    clip = beside(
        json=f'{{"text": "Rain", "signer": {nothing}, "gloss": null, "language": {nothing}, "end": null}}'
    )
    assert (clip.text, clip.signer, clip.gloss, clip.language) == ("Rain", None, None, "und")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"json": '{"text": 5}'}, "'text' is a number and not a string"),
        ({"json": '{"text": "x", "signer": [1]}'}, "'signer' is a list and not a string"),
        ({"txt": "x", "json": '{"signer": {"name": "s"}}'}, "'signer' is an object"),
        ({"json": '{"text": "x"'}, "a.json beside it cannot be understood"),
        ({"txt": "x", "json": '{"text": "y"}'}, "a.txt and a.json say different texts"),
        ({"txt": b"S\xfcden"}, "a.txt is not in UTF-8"),
        ({"json": '{"text": "x", "split": 1}'}, "'split' is a number"),
        ({"json": '{"text": "x", "split": "tset"}'}, "'tset' is not a split"),
        ({"json": '{"text": "x", "start": "soon"}'}, "not times in seconds"),
        ({"json": '{"text": null}'}, "the clip has no text"),
        ({"json": '{"text": "\\u200b\\u2060"}'}, "the clip has no text"),
        ({"json": '{"text": "Rain \\ud83d"}'}, "'text' has half a character"),
        ({"json": '{"text": "Ra\\u0000in"}'}, "'text' has half a character or a NUL"),
        ({"json": '{"text": "x", "signer": "\\udfff"}'}, "'signer' has half a character"),
        ({"json": '{"text": "x", "signer": 1e999}'}, "'signer' is infinite"),
        ({"json": '{"text": "x", "sentence": "y"}'}, "different things in 'text' and 'sentence'"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(beside, files, words):
    assert words in beside(**files)


@pytest.mark.parametrize("ending", ["TXT", "Txt", "JSON"])
def test_the_case_of_an_ending_does_not_matter(beside, ending):
    assert beside(**{ending: '{"text": "Rain"}' if ending == "JSON" else "Rain"}).text == "Rain"


def test_texts_of_spreadsheets_and_of_macs_are_found(tmp_path):
    name = unicodedata.normalize("NFD", "Süden")
    write_video(tmp_path / f"{name}.MP4")
    (tmp_path / "Süden.txt").write_bytes("im Süden".encode("utf-16"))
    ((clip_id, split),) = splits(reader(tmp_path)).items()
    assert clip_id == "Süden" and reader(tmp_path).load(split, clip_id).text == "im Süden"


HIDDEN = ("._images0002.png", ".DS_Store", "Thumbs.db", ".hidden.png", "desktop.ini", "~$notes.csv")


def test_hidden_files_are_no_frames_no_clips_no_tables_and_no_keypoints(tmp_path):
    write_pictures(tmp_path / "a", frames=4)
    for name in HIDDEN:
        (tmp_path / "a" / name).write_bytes(b"\0\5\x16\7")
    for name in ("._t.csv", "~$t.csv", "._a.txt", "._b.mp4", ".b.mp4"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "b.mp4").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "._x.png").touch()
    (tmp_path / "t.csv").write_text("path,text,split\na,Rain,train\n")
    found = reader(tmp_path)
    assert splits(found) == {"a": "train"}
    assert numbers(found.load("train", "a").frames) == [0, 1, 2, 3]


def test_hidden_files_among_openposes_are_left_out(tmp_path):
    (tmp_path / "a").mkdir()
    for number in range(3):
        (tmp_path / "a" / f"{number:012}_keypoints.json").write_text('{"people": []}')
    (tmp_path / "a" / "._000000000002_keypoints.json").write_bytes(b"\0\5\x16\7")
    assert len(read(find(tmp_path, "a")).people) == 3


def listing(folder, names, signer=None):
    """A folder whose table lists clips, each by a signer where there is one."""
    folder.mkdir(exist_ok=True)
    rows = [f"{name}.mp4\tx\t{signer(name) if signer else ''}" for name in names]
    for name in names:
        (folder / f"{name}.mp4").touch()
    (folder / "t.tsv").write_text("path\ttext\tsigner\n" + "\n".join(rows))
    return splits(reader(folder))


@pytest.mark.parametrize("signers", [0, 1, 2, 3, 30])
def test_no_clip_moves_when_others_come_or_go(tmp_path, signers):
    signer = (lambda name: f"signer {int(name[1:]) % signers}") if signers else None
    before = listing(tmp_path / "c", [f"c{number}" for number in range(0, 300, 3)], signer)
    names = [f"c{number}" for number in range(300) if number % 5]
    random.Random(0).shuffle(names)
    after = listing(tmp_path / "c", names, signer)
    common = set(before) & set(names)
    assert len(common) > 50 and all(before[name] == after[name] for name in common)


def test_another_signer_moves_no_clip_of_the_others(tmp_path):
    names = [f"c{number}" for number in range(60)]
    count = 1
    before = listing(tmp_path / "c", names, lambda name: f"s{int(name[1:]) % count}")
    for count in (2, 3, 4):
        after = listing(tmp_path / "c", [*names, f"d{count}"], lambda name: "s0" if name in names else "new")
        assert {name: after[name] for name in names} == before


def test_a_name_that_comes_twice_takes_the_split_of_its_file(tmp_path):
    for name in ("a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4", "f.mp4"):
        (tmp_path / name).touch()
    before = {split: len(reader(tmp_path, dev=0.3, test=0.3).ids(split)) for split in SPLITS}
    for name in ("a.mov", "b.avi", "c.gif"):
        (tmp_path / name).touch()
    after = {split: len(reader(tmp_path, dev=0.3, test=0.3).ids(split)) for split in SPLITS}
    assert all(after[split] >= before[split] for split in SPLITS) and sum(after.values()) == 9


def test_shares_are_about_those_asked_for_and_a_larger_dev_takes_no_test_clip(tmp_path):
    names = [f"clip_{number:04}" for number in range(2000)]
    listing(tmp_path / "c", names)
    few, many = reader(tmp_path / "c"), reader(tmp_path / "c", dev=0.5)
    assert 150 < len(few.ids("dev")) < 250 and 150 < len(few.ids("test")) < 250
    assert many.ids("test") == few.ids("test") and set(few.ids("dev")) < set(many.ids("dev"))


def test_the_same_name_has_the_same_split_on_every_system(tmp_path):
    names = [f"Süden {number}" for number in range(40)]
    written = listing(tmp_path / "nfc", names)
    assert written == listing(tmp_path / "nfd", [unicodedata.normalize("NFD", name) for name in names])


def test_clips_may_be_dealt_one_by_one(tmp_path):
    listing(tmp_path / "c", [f"c{number}" for number in range(60)], lambda name: "anna")
    assert len(set(splits(reader(tmp_path / "c")).values())) == 1
    assert len(set(splits(reader(tmp_path / "c", deal="clip")).values())) == 3


def test_a_split_is_named_by_any_folder_above_a_clip_and_the_rest_is_not_trained_on(tmp_path):
    for name in ("videos/train/a.mp4", "videos/Test/b.mp4", "videos/held-out/c.mp4"):
        write_video(tmp_path / name)
        (tmp_path / name).with_suffix(".txt").write_text("x")
    found = reader(tmp_path)
    assert {key.split("-")[0]: split for key, split in splits(found).items()} == {
        "videos_train_a": "train", "videos_Test_b": "test", "videos_held": "train"}  # fmt: skip
    (strange,) = (clip_id for clip_id in found.ids("train") if "held" in clip_id)
    with pytest.raises(DataError, match="nothing says in which split it is"):
        found.load("train", strange)


def test_rows_of_the_known_corpora_fail_alone_too(tmp_path):
    (tmp_path / "phoenix2014t.train.csv").write_text(
        "id|signer|annotation|translation\nA|s|X|a\nB|s|Y\nC|s|Z|c\n"
    )
    for name in ("A", "B", "c"):
        write_video(tmp_path / "videos" / "train" / f"{name}.MP4", frames=3, rate=25)
    phoenix = Phoenix14T(Phoenix14T.Config(source=tmp_path))
    assert [phoenix.load("train", name).text for name in ("A", "C")] == ["a", "c"]
    with pytest.raises(DataError, match=r"row 3 of phoenix2014t\.train\.csv has 3 fields"):
        phoenix.load("train", "B")
    columns = "VIDEO_ID,VIDEO_NAME,SENTENCE_ID,SENTENCE_NAME,START_REALIGNED,END_REALIGNED,SENTENCE"
    rows = (
        'v,v-1-rgb,v_0,v_0-1-rgb,0,1,"It\'s ""so"", isn\'t it?"',
        'v,v-1-rgb,v_1,v_1-1-rgb,0,1,"It is',
        "v,v-1-rgb,v_2,V_2-1-rgb,0,1,Yes",
    )
    (tmp_path / "how2sign_realigned_train.csv").write_text("\n".join((columns, *rows)))
    for number in range(3):
        write_video(tmp_path / "raw" / f"v_{number}-1-rgb.mp4", frames=3)
    found = How2Sign(How2Sign.Config(source=tmp_path, fps=12.0))
    assert [found.load("train", found.ids("train")[at]).text for at in (0, 2)] == [
        "It's \"so\", isn't it?",
        "Yes",
    ]
    with pytest.raises(DataError, match=r"row 3 of how2sign_realigned_train\.csv .*quotation mark"):
        found.load("train", "v_1-1-rgb")
