"""What `benchmarks/signs.py` reads of poses, without training: signs in their order, and none where there are none."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from signvip_toysign.motion import Manner, perform
from signvip_toysign.signer import make_signer
from signvip_toysign.signs import lexicon
from signvip_toysign.skeleton import keypoints, pose

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SIZE = 128


@pytest.fixture
def signs(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    import signs

    yield signs
    sys.modules.pop("signs")


def poses(glosses, language="tsa", who="somebody", tempo=1.0):
    """Keypoints (F, 128, 3) in pixels of somebody who signs."""
    motion = perform([lexicon(language)[gloss] for gloss in glosses], 12.0, Manner(tempo=tempo), None, False)
    return keypoints(pose(motion, make_signer(3, who)), (SIZE, SIZE))[0] * [SIZE, SIZE, 1]


@pytest.mark.parametrize(
    ("language", "glosses"),
    [
        ("tsa", ("TOMORROW", "NORTH", "RAIN", "STRONG", "NOT")),
        ("tsa", ("SNOW", "SNOW")),
        ("tsb", ("NOT", "FOG", "VALLEY", "MONDAY")),
        ("tsb", ("WARM",)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tempo", [0.9, 1.1])
def test_signs_are_read_in_their_order_of_somebody_else(signs, language, glosses, tempo):
    seen = signs.hands(poses(glosses, language, tempo=tempo))
    assert signs.sequence(seen, signs.template(language)) == glosses


def test_hands_that_rest_say_nothing(signs):
    still = np.repeat(poses(("RAIN",))[:1], 24, axis=0)
    assert signs.sequence(signs.hands(still), signs.template("tsa")) == ()


def test_places_are_from_the_shoulders_whatever_the_picture(signs):
    points = poses(("RAIN", "NORTH"))
    moved = points * [0.5, 0.5, 1] + [20, 7, 0]
    assert np.allclose(signs.hands(points), signs.hands(moved))


def test_a_hand_that_is_not_seen_is_where_it_was(signs):
    points = poses(("RAIN", "NORTH"))
    hidden = points.copy()
    hidden[5:8, signs.LEFT_HAND] = 0
    seen = signs.hands(hidden)
    assert np.array_equal(seen[5, :21], seen[4, :21]) and np.array_equal(seen[8], signs.hands(points)[8])


def test_the_other_language_reads_something_else(signs):
    glosses = ("TOMORROW", "NORTH", "RAIN")
    assert signs.sequence(signs.hands(poses(glosses)), signs.template("tsb")) != glosses
