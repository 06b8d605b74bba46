"""Drawings look as they did when somebody last looked; `python tests/conditions/drawings.py` draws them anew."""

from __future__ import annotations

import numpy as np
import pytest
from drawings import FOLDER, drawings
from PIL import Image


@pytest.fixture(scope="module")
def drawn():
    return dict(drawings())


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.png")))
def test_a_drawing_is_the_approved_picture(name, drawn):
    approved = np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB")).astype(int)
    off = np.abs(drawn[name] - approved).max(axis=-1)
    assert (off > 32).mean() < 0.002  # other versions of Pillow round a corner otherwise


def test_every_drawing_has_a_picture(drawn):
    assert sorted(drawn) == sorted(path.stem for path in FOLDER.glob("*.png"))
