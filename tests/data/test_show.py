"""Sheets and videos of what is in shards."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from signvip.data.show import strips, write_sheet, write_video
from signvip.data.video import encode_video, read_video
from signvip.errors import DataError


def test_a_sheet_has_a_row_for_the_frames_and_one_for_each_condition(trained, tmp_path):
    shown = list(strips(trained.shards, limit=2))
    assert [list(strip.rows) for strip in shown] == [["frames", *trained.config.conditions]] * 2
    assert all(pictures.any() for strip in shown for pictures in strip.rows.values())
    sheet = np.asarray(Image.open(write_sheet(shown, tmp_path / "deep" / "sheet.png", frames=4)))
    height = trained.config.size[0] * 2
    assert sheet.shape[0] // (height + 2) == 2 * (1 + len(trained.config.conditions))


def test_a_clip_is_found_by_its_id_in_any_shard(trained, tmp_path):
    (strip,) = strips(trained.shards, ["toy-dev-00001"])
    assert strip.name == "toy-dev-00001"
    path = write_video([strip], tmp_path / "clip.mp4")
    frames, fps = read_video(path)
    height, width = trained.config.size
    assert frames.shape == (len(strip.rows["frames"]), height, width * len(strip.rows), 3)
    assert fps == pytest.approx(trained.config.fps)
    assert np.abs(frames[:, :, :width].astype(int) - strip.rows["frames"]).mean() < 6


def test_a_video_is_shown_as_it_is(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(encode_video(np.full((5, 16, 16, 3), 90, np.uint8), 10.0))
    (strip,) = strips(path)
    assert list(strip.rows) == ["frames"] and len(strip.rows["frames"]) == 5


def test_what_is_not_there_is_told(trained, tmp_path):
    with pytest.raises(DataError, match="no clip toy-dev-09999"):
        list(strips(trained.shards, ["toy-dev-09999"]))
    with pytest.raises(DataError, match="nothing to show"):
        list(strips(tmp_path))
    with pytest.raises(DataError, match=r"There is no .*train-000099\.tar"):
        list(strips(trained.shards / "train-000099.tar"))
