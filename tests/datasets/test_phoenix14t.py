"""PHOENIX-2014T in the layout of its release, and as others pass it on."""

from __future__ import annotations

import pytest
from footage import numbers, write_pictures, write_video
from signvip_datasets.phoenix14t import Phoenix14T

from signvip.errors import DataError
from signvip.testing import check_dataset

NAME = "11August_2010_Wednesday_tagesschau-{}"
HEAD = "name|video|start|end|speaker|orth|translation\n"
ROW = (
    "{0}|{0}/1/*.png|-1|-1|Signer08|__ON__ WETTER MORGEN __OFF__|und nun die wettervorhersage für morgen .\n"
)


@pytest.fixture
def release(tmp_path):
    root = tmp_path / "PHOENIX-2014-T-release-v3" / "PHOENIX-2014-T"
    lists = root / "annotations" / "manual"
    lists.mkdir(parents=True)
    for number, split in enumerate(("train", "dev", "test"), start=1):
        name = NAME.format(number)
        kind = "train-complex-annotation" if split == "train" else split
        (lists / f"PHOENIX-2014-T.{kind}.corpus.csv").write_text(HEAD + ROW.format(name), encoding="utf-8")
        write_pictures(root / "features" / "fullFrame-210x260px" / split / name, frames=6)
    return tmp_path


def reader(source, **options):
    return Phoenix14T(Phoenix14T.Config(source=source, **options))


def test_the_release_is_read_as_it_is(release):
    found = reader(release)
    assert [found.ids(split) for split in ("train", "dev", "test")] == [[NAME.format(n)] for n in (1, 2, 3)]
    clip = found.load("dev", NAME.format(2))
    assert clip.text == "und nun die wettervorhersage für morgen ."
    assert clip.gloss == "__ON__ WETTER MORGEN __OFF__"
    assert (clip.signer, clip.language, clip.text_language) == ("Signer08", "gsg", "de")
    assert "non-commercial" in clip.licence
    assert numbers(clip.frames) == list(range(6)) and clip.fps == 25


def test_pictures_are_25_a_second_whatever_is_asked_for(release):
    clip = reader(release, fps=12.5).load("train", NAME.format(1))
    assert numbers(clip.frames) == [0, 2, 4]


def test_short_lists_and_videos(tmp_path):
    (tmp_path / "phoenix2014t.train.csv").write_text(
        f"id|signer|annotation|translation\n{NAME.format(1)}|Signer01|REGEN|regen\n", encoding="utf-8"
    )
    write_video(tmp_path / "videos" / "train" / f"{NAME.format(1)}.mp4", rate=25)
    found = reader(tmp_path)
    clip = found.load("train", NAME.format(1))
    assert (clip.text, clip.gloss, clip.signer, len(clip.frames)) == ("regen", "REGEN", "Signer01", 12)
    assert found.ids("dev") == []


def test_what_the_authors_scripts_made_is_read_also_through_a_link(tmp_path):
    corpus, disk = tmp_path / "corpus", tmp_path / "disk"
    corpus.mkdir()
    (corpus / "PHOENIX-2014-T.train.corpus.csv").write_text(HEAD + ROW.format("A-1"), encoding="utf-8")
    write_video(disk / "train_processed_videos" / "A-1.mp4", rate=25)
    (corpus / "videos").symlink_to(disk)
    assert len(reader(corpus).load("train", "A-1").frames) == 12


def test_no_row_of_a_list_is_lost(release):
    table = next(release.rglob("*.train-complex-annotation.corpus.csv"))
    again, nameless = ROW.format(NAME.format(1)), ROW.format("")
    table.write_text(table.read_text(encoding="utf-8") + again + nameless, encoding="utf-8")
    found = reader(release)
    assert found.ids("train") == [NAME.format(1), f"{NAME.format(1)}-2", "unnamed"]
    with pytest.raises(DataError, match="the text has no clip"):
        found.load("train", "unnamed")


def test_a_text_without_footage_and_a_folder_without_lists_are_told(release, tmp_path):
    pictures = next(release.rglob("test/11*"))
    for path in pictures.iterdir():
        path.unlink()
    with pytest.raises(DataError, match="the text has no clip"):
        reader(release).load("test", NAME.format(3))
    (tmp_path / "other").mkdir()
    with pytest.raises(DataError, match="holds no list"):
        reader(tmp_path / "other").ids("train")


def test_it_keeps_the_contract_of_readers(release):
    check_dataset(Phoenix14T, source=release)
