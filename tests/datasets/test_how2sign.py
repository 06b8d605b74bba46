"""How2Sign with clips of sentences, and with whole videos and the realigned seconds."""

from __future__ import annotations

import pytest
from footage import numbers, write_video
from signvip_datasets.how2sign import How2Sign

from signvip.errors import DataError
from signvip.testing import check_dataset

HEAD = (
    "VIDEO_ID",
    "VIDEO_NAME",
    "SENTENCE_ID",
    "SENTENCE_NAME",
    "START_REALIGNED",
    "END_REALIGNED",
    "SENTENCE",
)
VIDEO = "-d5dN54tH2E-1-rgb_front"


def rows(*spans):
    texts = ['It\'s "painting", I call it.', "Two, three.", "Four."]
    return [
        ("-d5dN54tH2E", VIDEO, f"-d5dN54tH2E_{n}", f"-d5dN54tH2E_{n}-1-rgb_front", *map(str, span), text)
        for n, (span, text) in enumerate(zip(spans, texts, strict=False))
    ]


def write_table(folder, split, separator, *spans):
    def quoted(word):
        return '"' + word.replace('"', '""') + '"' if separator in word or word.startswith('"') else word

    lines = [separator.join(map(quoted, row)) for row in (HEAD, *rows(*spans))]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"how2sign_realigned_{split}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def reader(source, **options):
    return How2Sign(How2Sign.Config(source=source, **{"fps": 8.0, **options}))


@pytest.mark.parametrize("separator", ["\t", ","])
def test_clips_of_sentences(tmp_path, separator):
    write_table(tmp_path, "val", separator, (12.97, 19.52), (20.65, 24.28))
    write_video(tmp_path / "val_rgb_front_clips" / "raw_videos" / "-d5dN54tH2E_0-1-rgb_front.mp4", rate=8)
    found = reader(tmp_path)
    assert found.ids("dev") == ["-d5dN54tH2E_0-1-rgb_front", "-d5dN54tH2E_1-1-rgb_front"]
    clip = found.load("dev", "-d5dN54tH2E_0-1-rgb_front")
    assert clip.text == 'It\'s "painting", I call it.' and len(clip.frames) == 12
    assert (clip.signer, clip.language, clip.text_language, clip.licence) == (
        "1",
        "ase",
        "en",
        "CC BY-NC 4.0",
    )
    with pytest.raises(DataError, match="the text has no clip"):
        found.load("dev", "-d5dN54tH2E_1-1-rgb_front")


def test_seconds_of_whole_videos_also_past_their_end(tmp_path):
    write_table(tmp_path, "train", "\t", (0.5, 1.0), (2.5, 9.0), (7.0, 8.0))
    write_video(tmp_path / "raw" / f"{VIDEO}.mp4", frames=24, rate=8)
    found = reader(tmp_path)
    first, second, third = found.ids("train")
    assert numbers(found.load("train", first).frames) == [4, 5, 6, 7]
    assert numbers(found.load("train", second).frames) == [20, 21, 22, 23]
    with pytest.raises(DataError, match="ends before 7 s"):
        found.load("train", third)


def test_a_row_without_times_and_a_sentence_that_comes_twice_cost_no_other(tmp_path):
    write_table(tmp_path, "train", "\t", (0.5, 1.0), ("", ""), (2.0, 1.0))
    table = tmp_path / "how2sign_realigned_train.csv"
    first = table.read_text(encoding="utf-8").splitlines()[1]
    table.write_text(table.read_text(encoding="utf-8") + first + "\n", encoding="utf-8")
    write_video(tmp_path / f"{VIDEO}.mp4", frames=24, rate=8)
    found = reader(tmp_path)
    one, two, three, again = found.ids("train")
    assert again == f"{one}-2"
    assert (
        numbers(found.load("train", one).frames) == numbers(found.load("train", again).frames) == [4, 5, 6, 7]
    )
    with pytest.raises(DataError, match="'' to '' are not times"):
        found.load("train", two)
    with pytest.raises(DataError, match=r"begin at 2\.0 s and end at 1\.0 s"):
        found.load("train", three)


def test_another_table_and_no_table_are_told(tmp_path):
    with pytest.raises(DataError, match="holds no how2sign_realigned"):
        reader(tmp_path).ids("train")
    (tmp_path / "how2sign_realigned_train.csv").write_text("a\tb\n1\t2\n")
    with pytest.raises(DataError, match="not one of How2Sign's"):
        reader(tmp_path).ids("train")


def test_it_keeps_the_contract_of_readers(tmp_path):
    write_table(tmp_path, "train", "\t", (0.0, 1.0))
    write_video(tmp_path / f"{VIDEO}.mp4", rate=8)
    check_dataset(How2Sign, source=tmp_path)
