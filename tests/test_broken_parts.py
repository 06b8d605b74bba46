"""Conditions, translators, corpora, metrics and estimators that break their contracts are told how."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import signvip
from signvip.testing import (
    check_condition,
    check_dataset,
    check_estimator,
    check_metric,
    check_translator,
)

SMALL = {"layers": 1, "width": 16, "heads": 2, "max_frames": 12, "text_layers": 1}


class Dots:
    """A condition that is in order: the nose, as a dot."""

    def __init__(self, config):
        pass

    def extract(self, clip):
        return {"nose": clip.known["keypoints"][:, 0, :2].copy()}

    def draw(self, data, size, frames=None):
        chosen = data["nose"] if frames is None else data["nose"][list(frames)]
        drawn = np.zeros((len(chosen), *size, 3), np.uint8)
        for picture, (x, y) in zip(drawn, chosen, strict=True):
            picture[int(y * size[0]), int(x * size[1])] = 255
        return drawn


class MovesPoints(Dots):
    def extract(self, clip):
        clip.known["keypoints"][:] = 0.5
        return super().extract(clip)


class DrawsNothing(Dots):
    def draw(self, data, size, frames=None):
        return None


class DrawsEveryFrame(Dots):
    def draw(self, data, size):
        return super().draw(data, size)


class Corpus:
    """A corpus that is in order: one clip a split."""

    def __init__(self, config):
        pass

    def ids(self, split):
        return [f"{split}-one"]

    def load(self, split, clip_id):
        return signvip.Clip(clip_id, np.zeros((4, 16, 16, 3), np.uint8), 12.0, "hello", language="ase")


class LoadsDicts(Corpus):
    def load(self, split, clip_id):
        return {"id": clip_id}


class NamesLanguages(Corpus):
    def load(self, split, clip_id):
        return replace(super().load(split, clip_id), language="American Sign Language")


class Mean:
    """A metric that is in order: the difference of the means."""

    higher_is_better = False

    def __init__(self, config):
        pass

    def __call__(self, generated, truth):
        pairs = zip(generated, truth, strict=True)
        return {"mean": max(abs(float(made.mean() - true.mean())) for made, true in pairs)}


class SaysWords(Mean):
    def __call__(self, generated, truth):
        return {"mean": "good"}


class Sums(Mean):
    """A mean over clips that can be drawn again: it is in order."""

    def __call__(self, generated, truth):
        return self.score(self.statistics(generated, truth).sum(axis=0))

    def statistics(self, generated, truth):
        return np.array([(abs(a - b).mean(), 1) for a, b in zip(generated, truth, strict=True)])

    def score(self, sums):
        return {"mean": float(sums[0] / sums[1])}


class SumsWrong(Sums):
    def score(self, sums):
        return {"mean": float(sums[0])}

    def __call__(self, generated, truth):
        return super().score(self.statistics(generated, truth).sum(axis=0))


class Stops(Mean):
    def __call__(self, generated, truth):
        raise ZeroDivisionError("division by zero")


class Finder:
    """An estimator that is in order: it sees nothing."""

    provides = ("keypoints",)

    def __init__(self, config):
        pass

    def __call__(self, clip):
        return {"keypoints": np.zeros((len(clip.frames), 128, 3), np.float32)}


class FindsNone(Finder):
    def __call__(self, clip):
        return None


Gpt2: type = type(signvip.build("translator", "gpt2", tokens_per_frame=1, vocab_size=2, **SMALL))


class LosesTheGradient(Gpt2):
    def loss(self, texts, tokens, lengths):
        value, values = super().loss(texts, tokens, lengths)
        return value.detach(), values


class GivesNoValues(Gpt2):
    def loss(self, texts, tokens, lengths):
        return super().loss(texts, tokens, lengths)[0]


@pytest.mark.parametrize(
    ("check", "cls"),
    [
        (check_condition, Dots),
        (check_dataset, Corpus),
        (check_metric, Mean),
        (check_metric, Sums),
        (check_estimator, Finder),
    ],
)
def test_parts_that_are_in_order_pass(check, cls):
    check(cls)


@pytest.mark.parametrize(
    ("check", "cls", "sentence"),
    [
        (check_condition, MovesPoints, "must not change the clip"),
        (check_condition, DrawsNothing, "must return a numpy array"),
        (check_condition, DrawsEveryFrame, "DrawsEveryFrame stops with TypeError"),
        (check_dataset, LoadsDicts, "must return a signvip.Clip"),
        (check_dataset, NamesLanguages, "ISO 639-3"),
        (check_metric, SaysWords, "not a number"),
        (check_metric, SumsWrong, "SumsWrong.score of the sums of its statistics"),
        (check_metric, Stops, "Stops stops with ZeroDivisionError"),
        (check_estimator, FindsNone, "must return a dict"),
    ],
)
def test_a_part_that_breaks_its_contract_is_told_how(check, cls, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check(cls)


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [(LosesTheGradient, "must have a gradient"), (GivesNoValues, "GivesNoValues stops with TypeError")],
)
def test_a_translator_that_breaks_its_contract_is_told_how(cls, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check_translator(cls, **SMALL)
