"""`signvip preprocess` on the embedded corpus, for real."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from poses import letter_hand, write_lexicon
from signvip_toysign import ToySign

from signvip.config import load_config
from signvip.stages.prepare import open_dataset, read_settings

FEW = "--set dataset.train=2 --set dataset.dev=1 --set dataset.test=1 --size 32x48 --workers 0 --preset tiny".split()


def test_shards_and_an_example_picture(signvip):
    result = signvip("preprocess", *FEW)
    assert (result.exit_code, result.stdout) == (0, "data/shards\n"), result.stderr
    assert {path.name for path in Path("data/shards").glob("*.tar")} == {
        f"{split}-000000.tar" for split in ("train", "dev", "test")
    }
    assert Image.open("ref.png").size == (48, 32)
    assert "preprocess: 4/4" in result.stderr
    assert "Left ref.png here" in result.stderr


def test_it_resumes_and_does_not_touch_a_picture_that_is_there(signvip):
    Path("ref.png").write_text("mine")
    signvip("preprocess", *FEW)
    before = Path("data/shards/train-000000.tar").stat().st_mtime_ns
    manifest = json.loads(signvip("preprocess", *FEW, "--json").stdout)
    assert manifest["splits"]["train"]["clips_out"] == 2
    assert Path("data/shards/train-000000.tar").stat().st_mtime_ns == before
    assert Path("ref.png").read_text() == "mine"


def test_conditions_and_folder_as_asked(signvip):
    result = signvip("preprocess", "toysign", "out", "--condition", "depth", "--split", "dev", *FEW, "--json")
    manifest = json.loads(result.stdout)
    assert (list(manifest["conditions"]), list(manifest["splits"])) == (["depth"], ["dev"])
    assert [path.name for path in Path("out").glob("*.tar")] == ["dev-000000.tar"]


def test_without_videos_stage_one_says_what_such_shards_lack(signvip):
    assert signvip("preprocess", "--no-video", *FEW).exit_code == 0
    assert not json.loads(Path("data/shards/manifest.json").read_text())["video"]
    assert {sample.rsplit(".", 1)[1] for sample in tarfile.open("data/shards/train-000000.tar").getnames()} == {
        "json", "npz", "txt"
    }  # fmt: skip
    assert Path("data/shards/preview-train.png").is_file()
    refused = signvip("train", "--stage", "1", "--preset", "tiny", "--set", "size=[32,48]")
    assert refused.exit_code == 1
    assert "error: data/shards holds no videos, which stage 1 needs; make others with" in refused.stderr


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (("toysing",), 1, "There is no dataset 'toysing'; did you mean 'toysign'?"),
        (("--condition", "pse"), 1, "There is no condition 'pse'; did you mean 'pose'?"),
        (("--set", "dataset.trian=3"), 1, "did you mean 'train'?"),
        (("--size", "64"), 2, "64x64"),
    ],
)
def test_a_mistake_is_a_sentence(signvip, words, code, sentence):
    result = signvip("preprocess", "--preset", "tiny", *words)
    assert result.exit_code == code
    assert sentence in result.stderr
    assert not Path("data").exists()


def test_settings_are_those_of_the_configuration_or_of_the_reader():
    given = ["fps=10", "dataset.train=4", "dataset.signers.train=2", "estimator.dots.radius=3"]
    values, options = read_settings(given)
    assert values == ["fps=10"]
    assert options == {"dataset": {"train": 4, "signers": {"train": 2}}, "estimator": {"dots": {"radius": 3}}}


def test_a_folder_goes_to_the_reader_as_its_source(tmp_path):
    for name in (None, "folder"):
        assert open_dataset(str(tmp_path), name, {}, tiny()).config.source == tmp_path


def test_conditions_that_nobody_finds_are_refused_before_a_clip_is_read(signvip):
    Path("clips").mkdir()
    Path("clips/a.mp4").write_bytes(b"never read")
    result = signvip("preprocess", "clips", "out", "--preset", "tiny", "--estimator", "keypoints", "--set",
                     "estimator.keypoints.source=.", "--condition", "pose", "--condition", "hand3d")  # fmt: skip
    assert result.exit_code == 1 and not Path("out").exists()
    assert "error: Real clips come without hands, which hand3d draws; name an estimator" in result.stderr


def test_an_option_that_has_to_be_given_is_named(signvip):
    result = signvip("preprocess", "toysign", "out", "--preset", "tiny", "--estimator", "keypoints")
    assert result.exit_code == 1
    assert "'source' has to be given; see: signvip plugins show keypoints" in result.stderr


def tiny():
    from signvip.config import load_config

    return load_config("tiny")


def test_names_of_a_file_are_spelled_from_a_lexicon(signvip):
    pytest.importorskip("pose_format")
    rows = [("ase", "en", word, {1: letter_hand(shape)}) for word, shape in (("A", "fist"), ("N", "vee"))]
    folder = write_lexicon(Path("letters"), rows)
    Path("names.txt").write_text("Anna\nЩит\n", encoding="utf-8")
    words = "out --dataset lexicon --text names.txt --size 64x64 --condition pose --workers 0 --json".split()
    result = signvip("preprocess", str(folder), *words)
    assert result.exit_code == 0, result.stderr
    splits = json.loads(result.stdout)["splits"]
    assert sum(counts["clips_out"] for counts in splits.values()) == 1
    (failed,) = Path("out/failed.jsonl").read_text(encoding="utf-8").splitlines()
    assert "the alphabet of ase (en) has none of the letters of 'Щит'" in json.loads(failed)["reason"]


def test_a_dataset_by_name_alone_needs_no_source(signvip, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = signvip("preprocess", "--dataset", "lexicon", "--preset", "tiny", "--workers", "0")
    assert result.exit_code == 1 and 'pip install "signvip[lexicon]"' in result.stderr


def test_a_dataset_with_its_own_texts_is_given_none(signvip):
    result = signvip("preprocess", "toysign", "--text", "names.txt", "--preset", "tiny")
    assert result.exit_code == 1 and "The dataset toysign has its own texts" in result.stderr


def test_without_a_source_the_dataset_is_the_configurations():
    assert type(open_dataset(None, None, {}, load_config("tiny"))).__name__ == "ToySign"
    config = load_config("tiny", flags={"dataset": {"name": "toysign", "train": 7, "dev": 3}})
    reader = open_dataset(None, None, {"dev": 2}, config)
    assert (len(reader.ids("train")), len(reader.ids("dev"))) == (7, 2)
    assert (
        len(open_dataset("toysign", None, {}, config).ids("train")) == ToySign.Config().train
    )  # named: as it is
