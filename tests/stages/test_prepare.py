"""What `preprocess` decides, for those who call it from Python: readers, estimators, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

import signvip
from signvip.config import load_config
from signvip.registry import Plugin, Registry, registry
from signvip.stages.prepare import choose_estimators, open_dataset, prepare

FEW = ("dataset.train=2", "dataset.dev=1", "dataset.test=1")


class Seer:
    """Finds nothing, and is what is taken where nobody names another."""

    provides = ("keypoints",)
    usual = True

    def __init__(self, config):
        self.config = config


@pytest.fixture
def with_seer(monkeypatch):
    """A registry with an estimator that is the usual one, after one that fails to import."""
    mine = Registry([])
    broken = Plugin("estimator", "a-broken-one", "mine", "", target="nowhere.at.all:Seer")
    mine.records = [*registry().records, broken, Plugin("estimator", "seer", "mine", "", target=Seer)]
    for place in ("signvip.registry.registry", "signvip.stages.prepare.registry"):
        monkeypatch.setattr(place, lambda: mine)
    return mine


def test_the_usual_estimator_is_taken_where_keypoints_are_unknown_and_none_is_named(with_seer):
    unknown, known = SimpleNamespace(), SimpleNamespace(knows=("keypoints",))
    assert with_seer.usual("estimator") == "seer"
    assert list(choose_estimators(unknown, (), {})) == ["seer"]
    assert choose_estimators(known, (), {}) == {}


def test_a_folder_that_no_dataset_is_named_for_is_read_by_the_usual_one(tmp_path):
    assert registry().usual("dataset") == "folder"
    assert open_dataset(tmp_path, None, {}, load_config("tiny")).config.source == tmp_path


def test_an_option_within_a_part_of_the_preset_leaves_its_others_as_they_are():
    options = {"parts": {"names": {"train": 7}}}
    names = open_dataset(None, None, options, load_config("embedded")).config.parts["names"]
    assert (names.name, names.options["train"], names.options["dev_signers"]) == ("lexicon", 7, 40)


def test_conditions_that_nobody_finds_are_refused_in_python_too(tmp_path):
    (tmp_path / "clips").mkdir()
    with pytest.raises(signvip.ConfigError, match="Real clips come without"):
        prepare(tmp_path / "clips", tmp_path / "out", preset="tiny")
    assert not (tmp_path / "out").exists()


def test_a_dataset_by_name_becomes_shards_and_leaves_a_picture(tmp_path):
    result = prepare("toysign", tmp_path / "out", preset="tiny", settings=FEW, size=(32, 32), conditions=["pose"],
                     example=tmp_path / "ref.png")  # fmt: skip
    assert (result.manifest.size, list(result.manifest.conditions)) == ((32, 32), ["pose"])
    assert result.manifest.splits["train"].clips_out == 2 and (tmp_path / "ref.png").is_file()
