"""What `generate` is asked for, from arguments and from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signvip.data.requests import many, name_of, one
from signvip.errors import DataError

PICTURE = Path("ref.png")


def test_one_sentence_names_its_file():
    assert one("Tomorrow it will rain!", PICTURE, None)[0].output == Path("tomorrow-it-will-rain.mp4")
    assert one("Regen, früh", PICTURE, Path("out"))[0].output == Path("out/regen-früh.mp4")
    assert one("x", PICTURE, Path("a/b.mp4"))[0].output == Path("a/b.mp4")


def test_poses_go_to_a_file_or_are_named_as_the_videos(tmp_path):
    assert one("Rain!", PICTURE, None, Path("a.pose"))[0].pose == Path("a.pose")
    assert one("Rain!", PICTURE, None, Path("poses"))[0].pose == Path("poses/rain.pose")
    assert one("Rain!", PICTURE, None)[0].pose is None
    file = tmp_path / "sentences.txt"
    file.write_text("rain\nsnow\n")
    assert [r.pose for r in many(file, PICTURE, Path("out"), Path("p"))] == [
        Path("p/0001.pose"),
        Path("p/0002.pose"),
    ]
    with pytest.raises(DataError, match="give a folder by --pose"):
        many(file, PICTURE, Path("out"), Path("all.pose"))


def test_another_kind_of_video_is_refused():
    assert one("x", PICTURE, Path("A.MP4"))[0].output == Path("A.MP4")
    with pytest.raises(DataError, match=r"give -o a/b\.mp4"):
        one("x", PICTURE, Path("a/b.webm"))


@pytest.mark.parametrize("text", ["???", "../../etc/passwd", "a" * 500])
def test_a_file_name_stays_in_its_folder_and_is_short(text):
    name = name_of(text)
    assert name and "/" not in name and len(name) <= 60


def test_a_text_file_has_one_sentence_per_line(tmp_path):
    file = tmp_path / "sentences.txt"
    file.write_text("rain\n\n  dry and mild  \n")
    found = many(file, PICTURE, Path("out"))
    assert [(r.text, r.reference, str(r.output)) for r in found] == [
        ("rain", PICTURE, "out/0001.mp4"),
        ("dry and mild", PICTURE, "out/0002.mp4"),
    ]


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_a_table_names_references_and_outputs(tmp_path, suffix):
    mark = {"tsv": "\t", "csv": ","}[suffix]
    file = tmp_path / f"rows.{suffix}"
    rows = [("output", "text", "reference"), ("first", "rain", "a.png"), ("", "dry", "")]
    file.write_text("\n".join(mark.join(row) for row in rows))
    found = many(file, PICTURE, Path("out"))
    assert [(r.text, r.reference, str(r.output)) for r in found] == [
        ("rain", tmp_path / "a.png", "out/first.mp4"),
        ("dry", PICTURE, "out/0002.mp4"),
    ]


def test_json_lines(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"text": "a, b", "reference": "/x.png"}) + "\n" + json.dumps({"text": "c"}))
    found = many(file, PICTURE, Path("out"))
    assert [(r.text, r.reference) for r in found] == [("a, b", Path("/x.png")), ("c", PICTURE)]


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("a.txt", "\n", "has no sentence"),
        ("a.tsv", "words\nrain", "no column 'text'"),
        ("a.jsonl", "{", "not an object with a text"),
        ("a.jsonl", '{"text": 3}', "not an object with a text"),
        ("a.jsonl", '{"text": "rain", "text": "snow"}', "says 'text' twice"),
        ("a.jsonl", '{"text": "rain \\ud800"}', "half a character"),
        ("a.JSONL", "rain", "not an object with a text"),
        ("a.json", '[{"text": "rain"}]', "not a list of sentences"),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nrain\n", "not a list of sentences"),
        ("a.TSV", "sentence\nrain\n", "no column 'text'"),
        ("a.csv", "text,output\nrain,.\n", "is not the name of a file"),
        ("a.csv", "text,output\nx,o\ny,o", "twice"),
    ],
)
def test_a_file_that_does_not_fit_is_a_sentence(tmp_path, name, text, sentence):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=sentence):
        many(tmp_path / name, PICTURE, Path("out"))


def test_a_row_without_any_reference_is_a_sentence(tmp_path):
    (tmp_path / "a.txt").write_text("rain")
    with pytest.raises(DataError, match=r"Row 1 .* has no reference"):
        many(tmp_path / "a.txt", None, Path("out"))


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(DataError, match="There is no file"):
        many(tmp_path / "no.txt", PICTURE, Path("out"))
    (tmp_path / "b.txt").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="not a UTF-8"):
        many(tmp_path / "b.txt", PICTURE, Path("out"))


def test_many_videos_do_not_fit_into_one_file(tmp_path):
    (tmp_path / "a.txt").write_text("rain")
    with pytest.raises(DataError, match="give a folder"):
        many(tmp_path / "a.txt", PICTURE, Path("one.mp4"))


def test_arguments_that_are_missing_or_too_many_are_wrong_usage(signvip):
    assert signvip("generate", "rain").exit_code == 2
    assert signvip("generate", "rain", "ref.png", "--from", "x.txt").exit_code == 2


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_a_row_may_have_a_sign_language_of_its_own(tmp_path, ending):
    file = tmp_path / f"names.{ending}"
    rows = {
        "csv": "text,language\nAnna,ase\nAnna,ukl\nIvan,\n",
        "jsonl": '{"text": "Anna", "language": "ase"}\n{"text": "Anna", "language": "ukl"}\n{"text": "Ivan"}\n',
    }
    file.write_text(rows[ending])
    assert [request.language for request in many(file, PICTURE, Path("out"))] == ["ase", "ukl", None]
