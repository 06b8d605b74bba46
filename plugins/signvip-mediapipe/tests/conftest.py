"""Pictures of real people: one that travels with scikit-image, and any clips in the folder $SIGNVIP_CLIPS."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from signvip import Clip
from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.data import read_video
from signvip.estimation.tidy import hand_seen

WRISTS = [7, 4]
FOLDER = os.environ.get("SIGNVIP_CLIPS")


def clip(frames, name="astronaut", fps=12.0):
    return Clip(name, np.ascontiguousarray(frames), fps, "hello")


@pytest.fixture(scope="session")
def astronaut():
    """(512, 512, 3): face and upper body of Eileen Collins, NASA, public domain; her hands are out of sight."""
    return data.astronaut()


@pytest.fixture(scope="session")
def clips():
    """The clips of real signers that the environment names."""
    if FOLDER is None:
        pytest.skip("set SIGNVIP_CLIPS to a folder with clips of real signers")
    files = sorted(Path(FOLDER).rglob("*.mp4"))
    assert files, f"no .mp4 in {FOLDER}"
    return [clip(*_frames(path)) for path in files]


def share_with_a_hand(found):
    """Of the frames that have a wrist in the picture: at rest, hands hang below it."""
    points = np.concatenate([one["keypoints"] for one in found])
    wrists = points[:, WRISTS]
    inside = (wrists[..., :2] >= 0).all(-1) & (wrists[..., :2] <= 1).all(-1)
    in_sight = ((wrists[..., 2] >= 0.5) & inside).any(axis=1)
    hand = hand_seen(points[:, LEFT_HAND]) | hand_seen(points[:, RIGHT_HAND])
    return hand[in_sight].mean()


def _frames(path):
    frames, fps = read_video(path)
    return frames, path.stem, fps
