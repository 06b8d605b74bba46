"""Embeddings of a split, 2 MB a frame at full size, are never kept together: neither on the card nor beside it."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

import signvip
from signvip.generate import GenerateOptions
from signvip.progress import Silent
from signvip_lab.evaluation import material
from signvip_lab.evaluation.chain import Chain
from signvip_lab.evaluation.making import make
from signvip_lab.evaluation.material import gather


class Alive:
    """Counts the storages of what a function gave that are still held when it is called again."""

    def __init__(self, plain) -> None:
        self.plain, self.held, self.most, self.calls = plain, [], 0, 0

    def __call__(self, *arguments):
        self.held = [kept for kept in self.held if kept() is not None]
        self.most, self.calls = max(self.most, len(self.held)), self.calls + 1
        given = self.plain(*arguments)
        self.held.append(weakref.ref(given.untyped_storage()))
        return given


@pytest.fixture
def chain(trained, monkeypatch):
    made = Chain.open(trained.run, trained.shards, "train", GenerateOptions())
    monkeypatch.setattr(made, "embed", Alive(made.embed))
    monkeypatch.setattr(made.pipe, "embed", Alive(made.pipe.embed))
    return made


def test_evaluate_holds_the_embeddings_of_a_clip_or_two(chain, trained, monkeypatch):
    """But for the frames that the wrist probe is fitted on, which are no more for a larger split."""
    monkeypatch.setattr(material, "fit_probe", lambda *_: lambda e: np.zeros((len(e), 2, 2)))
    takes = {"tokens", "embeddings", "poses"}
    clips = [make(chain, pick, 0, pixels=False) for pick in range(4)]
    found = gather(chain, clips, takes, {}, trained.shards, Silent())
    pair = found.rows["from true conditions"].pairs["embeddings"]
    calls = chain.embed.calls
    assert len(pair.truth[0]) and chain.embed.calls == calls + 1  # made when they are asked for
    assert signvip.build("metric", "reconstruction")(pair.generated, pair.truth)["reconstruction"] > 0
    assert chain.embed.calls > 8 and chain.pipe.embed.calls > 8
    assert chain.embed.most <= 2 and chain.pipe.embed.most <= 1


def test_reconstruction_is_that_of_all_clips_at_once():
    random = np.random.default_rng(0)
    truth = [random.normal(place, 2, (place + 1, 3, 2, 2)).astype(np.float32) for place in range(4)]
    made = [clip + 1 for clip in truth]
    found = signvip.build("metric", "reconstruction")(made, truth)
    assert found["reconstruction_mse"] == pytest.approx(1)
    assert found["reconstruction"] == pytest.approx(
        1 / np.concatenate([clip.ravel() for clip in truth]).var()
    )
