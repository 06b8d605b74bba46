"""Several datasets as one."""

from __future__ import annotations

import numpy as np
import pytest
from signvip_datasets.mixture import Mixture
from signvip_toysign import ToySign

import signvip
from signvip.contracts import SPLITS
from signvip.errors import ConfigError, DataError
from signvip.testing import check_dataset

FEW = {"name": "toysign", "train": 2, "dev": 1, "test": 1}
PARTS = {"one": FEW, "other": {**FEW, "seed": 1, "languages": ["tsb"]}}


def mixture(parts=PARTS, **options):
    return signvip.build("dataset", "mixture", **{"parts": parts, "size": (32, 32), **options})


def test_it_is_a_dataset():
    check_dataset(Mixture, parts=PARTS, size=(32, 32))


def test_clips_are_those_of_the_parts_under_their_names():
    both = mixture()
    assert both.ids("train") == [f"{part}-toy-train-0000{n}" for n in (0, 1) for part in PARTS]
    for part, options in PARTS.items():
        own = ToySign(ToySign.Config(**{k: v for k, v in options.items() if k != "name"}, size=(32, 32)))
        clip, same = both.load("test", f"{part}-toy-test-00000"), own.load("test", "toy-test-00000")
        assert (clip.text, clip.language, clip.fps) == (same.text, same.language, same.fps)
        assert clip.signer == f"{part}-{same.signer}"
        np.testing.assert_array_equal(clip.frames, same.frames)
        np.testing.assert_array_equal(both.portrait(clip.signer), own.portrait(same.signer))
    assert set(both.knows) == set(ToySign.knows)


def test_parts_take_turns_until_one_has_no_more():
    uneven = mixture({"one": FEW, "other": {**FEW, "train": 4}})
    assert [clip.split("-")[0] for clip in uneven.ids("train")] == ["one", "other"] * 2 + ["other"] * 2


def test_options_of_a_part_come_before_those_of_the_mixture():
    reader = mixture({"slow": {**FEW, "fps": 8.0}}, fps=10.0)
    assert reader.load("dev", reader.ids("dev")[0]).fps == 8.0
    assert mixture(fps=10.0).load("dev", "one-toy-dev-00000").fps == 10.0


def test_a_file_is_its_parts(tmp_path):
    file = tmp_path / "parts.toml"
    file.write_text('[one]\nname = "toysign"\ntrain = 2\ndev = 1\ntest = 1\n')
    reader = signvip.build("dataset", "mixture", source=file, size=(32, 32))
    assert [reader.ids(split) for split in SPLITS] == [mixture({"one": FEW}).ids(split) for split in SPLITS]
    assert reader.config == mixture({"one": FEW}).config  # what shards tell of it does not hang on the file


def test_a_part_without_portraits_lends_a_frame(tmp_path, monkeypatch):
    reader = mixture()
    clip = reader.load("train", reader.ids("train")[0])
    monkeypatch.delattr(ToySign, "portrait")
    np.testing.assert_array_equal(reader.portrait(clip.signer), clip.frames[0])
    with pytest.raises(DataError, match="No clip of 'one' is signed by 'nobody'"):
        reader.portrait("one-nobody")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"parts": {}}, "parts: .* at least 1"),
        ({"parts": {"one": {"name": "toysgn"}}}, "toysign"),
        ({"parts": {"one": {**FEW, "trian": 3}}}, "Part 'one' of the mixture.*trian"),
    ],
)
def test_what_is_no_mixture_is_refused(options, told):
    with pytest.raises(signvip.SignVipError, match=told):
        signvip.build("dataset", "mixture", **options).ids("train")


def test_an_empty_file_and_a_foreign_clip_are_refused(tmp_path):
    (tmp_path / "none.toml").write_text("")
    with pytest.raises(ConfigError, match="give each part a section"):
        signvip.build("dataset", "mixture", source=tmp_path / "none.toml")
    with pytest.raises(DataError, match="its parts are one, other"):
        mixture().load("train", "third-toy-train-00000")
