"""A signer whose every point is known: clips of the embedded corpus."""

from __future__ import annotations

import numpy as np
import pytest

import signvip


@pytest.fixture(scope="session")
def signers():
    """Six clips of as many signers."""
    reader = signvip.build("dataset", "toysign", size=(64, 64), fps=24.0)
    return [reader.load("train", clip_id) for clip_id in reader.ids("train")[:6]]


@pytest.fixture(scope="session")
def signer(signers):
    return signers[0]


@pytest.fixture
def points(signer):
    """Keypoints (F, 128, 3) of one clip, to be spoilt."""
    return np.array(signer.known["keypoints"])
