"""Estimators fill in what a corpus does not know, and the manifest says which did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import signvip
from signvip.contracts import Clip
from signvip.data.manifest import Manifest
from signvip.data.preprocess import preprocess
from signvip.data.sample import Recipe, estimate
from signvip.data.shards import read_shard
from signvip.errors import MismatchError
from signvip.testing import check_estimator
from signvip.testing.conditions import example_clip


class Middle:
    """Everything in the middle of the picture."""

    provides = ("keypoints",)
    weights = "abc"

    class Config(signvip.Config):
        confidence: float = 0.5

    def __init__(self, config):
        self.config = config

    def __call__(self, clip):
        keypoints = np.full((len(clip.frames), 128, 3), 0.5, np.float32)
        keypoints[..., 2] = self.config.confidence
        return {"keypoints": keypoints}


class Reader:
    def ids(self, split):
        return ["one"] if split == "train" else []

    def load(self, split, clip_id):
        return replace(example_clip(), id=clip_id, known={})


def middle(**options):
    return Middle(Middle.Config(**options))


def recipe(**estimators):
    return Recipe(Reader(), {"pose": signvip.build("condition", "pose")}, (64, 64), 12.0, estimators)


def test_what_an_estimator_finds_is_drawn_and_noted(tmp_path):
    manifest = preprocess(recipe(middle=middle()), tmp_path).manifest
    (sample,) = read_shard(tmp_path / "train-000000.tar")
    assert np.allclose(sample.load("pose.npz")["keypoints"], 0.5)
    assert manifest.estimators == {
        "middle": {"version": "", "options": {"confidence": 0.5}, "weights": "abc"}
    }
    assert Manifest.read(tmp_path) == manifest


def test_another_estimator_asks_for_another_folder(tmp_path):
    preprocess(recipe(middle=middle()), tmp_path)
    with pytest.raises(MismatchError, match="another estimators"):
        preprocess(recipe(middle=middle(confidence=0.9)), tmp_path)


def test_what_is_known_is_not_looked_for_again():
    class Never(Middle):
        def __call__(self, clip):
            raise AssertionError("asked for what is known")

    clip = example_clip()
    assert estimate(clip, {"never": Never(Never.Config())}).known == clip.known
    bare: Clip = replace(clip, known={"keypoints": clip.known["keypoints"]})
    assert estimate(bare, {"middle": middle()}).known is bare.known


def test_the_check_passes_a_sound_estimator():
    check_estimator(Middle, seen=True)


class Blind(Middle):
    def __call__(self, clip):
        raise signvip.DataError("nobody is in it")


def test_an_estimator_may_find_nobody_unless_somebody_is_there():
    check_estimator(Blind)
    with pytest.raises(AssertionError, match="nobody is in it"):
        check_estimator(Blind, seen=True)


class Silent(Middle):
    def __call__(self, clip):
        return {}


class Unsure(Middle):
    def __call__(self, clip):
        return {"keypoints": np.full((len(clip.frames), 128, 3), np.nan)}


class Loud(Middle):
    def __call__(self, clip):
        return {"keypoints": 2 * super().__call__(clip)["keypoints"] + 1}


class Short(Middle):
    def __call__(self, clip):
        return {"keypoints": super().__call__(clip)["keypoints"][1:]}


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [(Silent, "not all that it provides"), (Unsure, "NaN"), (Loud, "outside of 0 and 1"), (Short, "shape")],
)
def test_an_estimator_that_breaks_its_contract_is_told_how(cls, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_estimator(cls)
