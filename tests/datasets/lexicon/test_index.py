"""Indexes that can be spelled from, and what is wrong with others, in a sentence."""

# ruff: noqa: RUF001 (letters of other scripts are meant)

from __future__ import annotations

import pytest
from poses import COLUMNS
from signvip_datasets.lexicon.index import find_lexicon, read_index

from signvip import DataError


def write(folder, *rows, columns=COLUMNS):
    (folder / "index.csv").write_text("\n".join([columns, *rows]) + "\n", encoding="utf-8")
    for name in ("a", "b", "c"):
        (folder / f"{name}.pose").touch()
    return folder


def row(path, word, language="ase", priority="0"):
    return f"{path}.pose,en,{language},0,0,{word},{word},{priority}"


def test_languages_and_letters_are_those_of_the_index(lexicon):
    alphabets = read_index(lexicon)
    assert list(alphabets) == ["ase", "ise", "tsm", "gss"]
    assert alphabets["gss"].written == "el" and set(alphabets["gss"].entries) == {"α", "σ", "ο"}
    assert set(alphabets["tsm"].entries) == {"\u0131", "i", "a"}  # Turkish has two
    assert alphabets["ase"].entries["sch"].word == "SCH"


def test_of_two_files_for_a_letter_the_first_by_priority_is_taken(tmp_path):
    write(tmp_path, row("a", "A", priority="2"), row("b", "a", priority="1"), row("c", "C"))
    assert read_index(tmp_path)["ase"].entries["a"].path.name == "b.pose"


@pytest.mark.parametrize(
    ("rows", "columns", "sentence"),
    [
        (
            [row("a", "A"), row("nowhere", "B"), row("gone", "C")],
            COLUMNS,
            r"2 files .* such as nowhere\.pose; fetch",
        ),
        ([row("a", "A"), row("../b", "B")], COLUMNS, "not in its folder, such as ../b.pose"),
        (["a.pose,A"], "file,word", r"lacks the columns path, spoken_language, .* \(it has file, word\)"),
        ([], COLUMNS, "it has no rows"),
        (
            [row("a", "A"), row("b", "A")],
            COLUMNS,
            "has 'A' twice for ase, in a.pose and b.pose; take one out",
        ),
        ([row("a", "A")], COLUMNS, "has one entry for ase, 'A'"),
        ([row("a", "A"), row("b", "B", priority="high")], COLUMNS, "the priority 'high'; write a number"),
        ([row("a", "A"), row("b", "")], COLUMNS, "a row without a word, for b.pose"),
    ],
)
def test_an_index_that_cannot_be_used_is_a_sentence(tmp_path, rows, columns, sentence):
    write(tmp_path, *rows, columns=columns)
    with pytest.raises(DataError, match=sentence):
        read_index(tmp_path)


def test_a_folder_without_an_index_and_a_missing_package_are_told(tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"holds no index\.csv"):
        read_index(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r'pip install "signvip\[lexicon\]"'):
        find_lexicon(None)
