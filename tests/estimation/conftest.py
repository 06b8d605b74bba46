"""Keypoints of one clip, to be spoilt."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def points(signer):
    """Keypoints (F, 128, 3)."""
    return np.array(signer.known["keypoints"])
