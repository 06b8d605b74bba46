"""Tables as people, spreadsheets and scripts write them: a right row, or a sentence that names it; never another's."""

from __future__ import annotations

import json

import numpy as np
import pytest
from signvip_datasets.folder import Folder

from signvip.contracts import SPLITS
from signvip.errors import DataError

CLIPS = ("a.mp4", "b.mp4", "c.mp4")
STILL = np.zeros((1, 8, 8, 3), np.uint8)  # the footage of each


@pytest.fixture
def told(tmp_path, monkeypatch):
    """What a reader says of each clip of a table's content: (text, signer), or why it is refused."""
    for name in CLIPS:
        (tmp_path / name).touch()
    monkeypatch.setattr("signvip_datasets.entries.read_footage", lambda *_, **__: STILL)

    def say(content, name="labels.csv", **options):
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / name).write_bytes(data)
        reader = Folder(Folder.Config(source=tmp_path, **options))
        found = {}
        for split in SPLITS:
            for clip_id in reader.ids(split):
                try:
                    clip = reader.load(split, clip_id)
                    found[clip_id] = clip.text, clip.signer
                except DataError as error:
                    found[clip_id] = str(error)
        return found

    return say


def others(found):
    """What is said of the two clips whose rows are sound."""
    return found["b"], found["c"]


SOUND = "b.mp4,Wind,s2\nc.mp4,Sun,s3\n"
READ = (("Wind", "s2"), ("Sun", "s3"))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ('a.mp4,"Rain, and wind",s1', "Rain, and wind"),
        ('a.mp4,"She said ""go"".",s1', 'She said "go".'),
        ('a.mp4,"Rain,\nand wind",s1', "Rain,\nand wind"),
        ('a.mp4,"Rain,\r\n\r\nwind",s1', "Rain,\r\n\r\nwind"),
        ('a.mp4,She said "go".,s1', 'She said "go".'),
        ('a.mp4,"Go" she said,s1', '"Go" she said'),
        ('a.mp4,6" of snow,s1', '6" of snow'),
        ('a.mp4, "Rain, and wind", s1', "Rain, and wind"),
        ('a.mp4,"She said \\"go, now\\"",s1', 'She said "go, now"'),
        ("a.mp4,Rain\u2028and wind,s1", "Rain\u2028and wind"),
        ("a.mp4,Rain\x0band wind,s1", "Rain\x0band wind"),
        ("a.mp4,Rain,s1,,", "Rain"),
        ("a.mp4,null,s1", "null"),
        ('a.mp4,"Rain" ,s1', "Rain"),
        (f'a.mp4,"{"Rain " * 30_000}",s1', ("Rain " * 30_000).strip()),
    ],
)
def test_a_row_is_read_as_it_is_meant(told, row, text):
    found = told(f"path,text,signer\n{row}\n{SOUND}")
    assert found.pop("a") == (text, "s1")
    assert tuple(found.values()) == READ


@pytest.mark.parametrize("word", ["NaN", "nan", "#N/A", "<NA>"])
def test_what_a_program_writes_for_no_text_is_none(told, word):
    assert told(f"path,text,signer\na.mp4,{word},s1\n{SOUND}")["a"] == "the clip has no text"


def test_two_columns_that_mean_the_same_may_not_differ(told):
    rows = "a.mp4,Rain,Snow,s1\nb.mp4,Wind,Wind,s2\nc.mp4,,Sun,s3\n"
    found = told(f"path,text,sentence,signer\n{rows}")
    assert "row 2 of" in found["a"] and "different things in 'text' and 'sentence'" in found["a"]
    assert others(found) == READ


@pytest.mark.parametrize("half", ["\\ud83d", "\\udfff", "\\u0000"])
def test_half_a_character_costs_its_line_alone(told, half):
    lines = [f'{{"path": "{name}.mp4", "text": "{text}", "signer": "{who}"}}' for name, text, who in (
        ("a", f"Rain {half}", "s1"), ("b", "Wind", "s2"), ("c", "Sun", "s3")
    )]  # fmt: skip
    found = told("\n".join(lines), name="t.jsonl")
    assert "half a character" in found["a"] and others(found) == READ


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ('a.mp4,"Rain,s1', "quotation mark"),
        ('a.mp4,"Rain ""and" wind,s1', "quotation mark"),
        ("a.mp4,Rain, and wind,s1", "has 4 fields where the header has 3"),
        ("a.mp4,Rain", "has 2 fields where the header has 3"),
        ("a.mp4,'Rain, wind',s1", "has 4 fields"),
        ("a.mp4,Ra\0in,s1", "NUL"),
        (b"a.mp4,S\xfcden,s1", "not in UTF-8"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_row_that_cannot_be_read_is_named_and_costs_no_other(told, row, words, place):
    rows = SOUND.encode().splitlines()
    rows.insert(place, row.encode() if isinstance(row, str) else row)
    found = told(b"path,text,signer\n" + b"\n".join(rows) + b"\n")
    assert f"row {place + 2} of labels.csv" in found["a"] and words in found["a"], found["a"]
    assert others(found) == READ and len(found) == 3


def test_quotation_marks_left_open_in_two_rows_take_in_no_row_between_them(told):
    found = told('path,text,signer\na.mp4,"Rain,s1\nb.mp4,Wind,s2\nc.mp4,Sun",s3\n')
    assert "quotation mark" in found["a"] and others(found) == (("Wind", "s2"), ('Sun"', "s3"))


@pytest.mark.parametrize(
    ("head", "beyond"),
    [
        ("path;text;signer", ""),
        ("\ufeff\ufeffpath;text;signer", ""),
        ("sep=;\npath;text;signer", ""),
        ("\n;;\npath;text;signer", ""),
        ('"path";"text";"signer"', ""),
        ("Path ; Text;SIGNER;", ";"),
        ("path;text;signer;;", ";;"),
        ("path;text;signer;note, and more, of it", ";x, y"),
    ],
)
def test_what_spreadsheets_write_around_a_table(told, head, beyond):
    rows = f"a.mp4;Rain;s1{beyond}\n;;{beyond and ';'}\nb.mp4;Wind;s2{beyond}\n;;;;\n  \nc.mp4;Sun;s3{beyond}\n;;\n"
    assert told(f"{head}\n{rows}") == {"a": ("Rain", "s1"), "b": ("Wind", "s2"), "c": ("Sun", "s3")}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_line_ends_and_encodings(told, end, encoding):
    rows = ("path\ttext\tsigner", "a.mp4\tRegen im Süden\ts1", "b.mp4\tWind\ts2", "c.mp4\tSun\ts3", "")
    options = {"encoding": encoding} if encoding == "cp1252" else {}
    found = told(end.join(rows).encode(encoding), **options)
    assert found["a"] == ("Regen im Süden", "s1") and others(found) == READ


def test_an_encoding_that_is_none_and_one_that_the_table_is_not_in_are_sentences(told):
    for encoding, words in (("utf8x", "no encoding 'utf8x'"), ("ascii", "is not in ascii")):
        with pytest.raises(DataError, match=words):
            told("path,text\na.mp4,Süden\n", encoding=encoding)
    with pytest.raises(DataError, match="is not in utf-16-le"):
        told("path,text\n".encode("utf-16") + b"x")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("path,text,text", "has the column 'text' twice"),
        ("path,Signer,text,signer", "has the column 'signer' twice"),
        ('path,"text', "its header"),
        ("film,words", "needs a column 'path' and a column 'text'"),
        ("path\0,text", "its header"),
    ],
)
def test_a_header_that_says_two_things_or_nothing_is_a_sentence(told, header, words):
    with pytest.raises(DataError, match=words):
        told(f"{header}\na.mp4,x,y,z\n")


@pytest.mark.parametrize(
    "name",
    ["A.MP4", "./a.mp4", "a", ".\\a.mp4", "sub\\e\u0301.mp4", "sub/\u00e9.MP4", "SUB\\\u00c9"],
)
def test_a_file_is_found_by_any_spelling_of_its_name(told, tmp_path, name):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "\u00e9.mp4").touch()
    found = told(f"path,text\n{name},Rain\nb.mp4,Wind\nc.mp4,Sun\n")
    expected = "a" if "a" in name.lower() else "sub_\u00e9"
    assert [key.split("-")[0] for key, value in found.items() if value == ("Rain", None)] == [expected]


def test_names_that_only_case_tells_apart_stay_apart(told, tmp_path):
    for name in ("x.mp4", "X.mp4"):
        (tmp_path / name).touch()
    found = told("path,text\nx.mp4,small\nX.mp4,large\n")
    assert (found["x"][0], found["X"][0]) == ("small", "large")


def test_what_nobody_knows_is_not_a_name(told):
    rows = [{"path": name, "text": "x", "signer": None} for name in CLIPS]
    rows[1]["signer"], rows[2]["signer"] = float("nan"), 7.0
    found = told("".join(json.dumps(row) + "\n" for row in rows), "t.jsonl")
    assert [found[name] for name in "abc"] == [("x", None), ("x", None), ("x", "7")]
    for word in ("", "nan", "NaN", "None", "null", "N/A", "#N/A", "<NA>", "  "):
        assert told(f"path,text,signer\na.mp4,x,{word}\n", table="labels.csv")["a"] == ("x", None)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"path": "a.mp4", "text": 5}', "'text' is a number"),
        ('{"path": "a.mp4", "text": ["Rain"]}', "'text' is a list"),
        ('{"path": "a.mp4", "text": "x", "signer": {"name": "s"}}', "'signer' is an object"),
        ('{"path": "a.mp4", "text": "x", "signer": true}', "'signer' is true or false"),
        ('{"path": "a.mp4", "text": "x", "text": "y"}', "says 'text' twice"),
        ('["a.mp4", "x"]', "is a list and not an object"),
        ('{"path": "a.mp4", ', "cannot be used"),
    ],
)
def test_a_line_of_json_of_the_wrong_type_is_named(told, line, words):
    found = told(f'{line}\n{{"path": "b.mp4", "text": "Wind", "note": [1]}}\n', "t.jsonl")
    (fault,) = [value for key, value in found.items() if "line 1 of t.jsonl" in value]
    assert words in fault and found["b"] == ("Wind", None)
