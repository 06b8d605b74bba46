"""A file that was cut short is told, in every container that lets one know."""

from __future__ import annotations

import av
import numpy as np
import pytest
from films import film

from signvip.data.footage import read_footage
from signvip.data.video import read_video
from signvip.errors import DataError

KINDS = {
    "a.mp4": ("libx264", "yuv420p", None),
    "a.mov": ("libx264", "yuv420p", None),
    "a.3gp": ("mpeg4", "yuv420p", None),
    "a.mkv": ("libx264", "yuv420p", None),
    "a.webm": ("libvpx", "yuv420p", None),
    "a.avi": ("libx264", "yuv420p", None),
    "a.wmv": ("wmv2", "yuv420p", None),
    "a.flv": ("libx264", "yuv420p", None),
    "a.ts": ("libx264", "yuv420p", "mpegts"),
    "a.mpg": ("mpeg2video", "yuv420p", None),
    "a.gif": ("gif", "rgb8", None),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_cut_file_is_told_and_a_whole_one_is_not(tmp_path, name):
    codec, pixels, form = KINDS[name]
    draw = np.random.default_rng(0)
    noise = [draw.integers(0, 255, (48, 64, 3)).astype(np.uint8) for _ in range(40)]
    frames = [av.VideoFrame.from_ndarray(values, format="rgb24").reformat(format=pixels) for values in noise]
    path = film(tmp_path / name, frames, rate=25, codec=codec, form=form)
    assert len(read_footage(path, 25, longest=960)) == len(read_video(path)[0]) == 40
    whole = path.read_bytes()
    for share in (0.03, 0.37, 0.5, 0.83, 0.97):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(DataError, match="is cut short or no video"):
            read_footage(path, 25, longest=960)
    path.write_bytes(whole[: int(len(whole) * 0.8)])
    with pytest.raises(DataError, match="is cut short or no video"):  # as where the clip begins late
        read_footage(path, 25, longest=960, start=1.0)


def test_padding_behind_a_film_is_no_damage(tmp_path):
    grey = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 99, np.uint8), format="rgb24")
    for name in ("a.mp4", "a.avi", "a.mkv"):
        path = film(tmp_path / name, [grey.reformat(format="yuv420p")] * 6)
        path.write_bytes(path.read_bytes() + bytes(500))
        assert len(read_footage(path, 10, longest=960)) == 6
