"""Frames, drawings and arrays of a clip are those of the moments that were asked for, in their order."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch
from small import make_shards, small_config

from signvip.data.video import read_video
from signvip.errors import DataError
from signvip.registry import build
from signvip.stages.clips import Clips

PICKS = [[0], [5], [3, 4, 5], [2, 4, 6], [6, 2, 2], [7, 0]]


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    config = small_config()
    shards = make_shards(tmp_path_factory.mktemp("clips") / "shards", config, train=2, dev=1, test=1)
    return Clips(shards, "train", config)


@pytest.mark.parametrize("picks", PICKS, ids=str)
def test_what_is_picked_is_what_stands_there(clips, picks):
    for clip in range(len(clips)):
        video, _ = read_video(clips.index.read(clip, "mp4"))
        assert len(video) == clips.info(clip)["frames"]
        frames = clips.frames(clip, picks)
        assert torch.equal(frames, torch.from_numpy(video[picks]).permute(0, 3, 1, 2))
        assert torch.equal(clips.conditions(clip, picks), clips.conditions(clip)[picks])


def test_drawings_stand_in_the_order_of_the_configuration_three_channels_each(clips):
    stored = {name: clips.index.load(0, f"{name}.npz") for name in ("pose", "hand3d")}
    drawn = [build("condition", name).draw(data, (32, 32)) for name, data in stored.items()]
    expected = torch.from_numpy(np.concatenate(drawn, axis=-1)).permute(0, 3, 1, 2)
    assert torch.equal(clips.conditions(0), expected) and list(clips.painters) == ["pose", "hand3d"]
    assert all(kind.float().std() > 1 for kind in expected.split(3, dim=1))


def test_a_clip_of_another_split_is_not_trained_on(clips, tmp_path):
    shutil.copytree(clips.index.folder, tmp_path / "shards")
    shutil.copy(tmp_path / "shards" / "test-000000.tar", tmp_path / "shards" / "train-000009.tar")
    clips = Clips(tmp_path / "shards", "train", small_config())
    with pytest.raises(DataError, match=r"train-000009\.tar holds .*, a clip of test; delete it"):
        [clips.info(clip) for clip in range(len(clips))]


def test_a_video_shorter_than_its_json_says_is_told(clips):
    with pytest.raises(DataError, match="fewer frames than its json says"):
        clips.frames(0, [0, 10_000])
