"""Videos for pages."""

from __future__ import annotations

import numpy as np
import pytest
from rendered import FRAMES

from signvip.data.video import write_video


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "a.mp4"
    write_video(path, np.zeros((FRAMES, 16, 32, 3), np.uint8), 12)
    return path
