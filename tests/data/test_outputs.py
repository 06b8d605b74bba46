"""What is written says what it is, and takes the place of nothing that a user made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from signvip.data.outputs import check_outputs
from signvip.data.provenance import NOTICE, is_marked, origin_of
from signvip.data.show import strips, write_sheet, write_video
from signvip.data.video import VideoWriter, read_comment
from signvip.errors import DataError
from signvip.generate import GenerateOptions, Request, generate
from signvip.storage.files import PARTIAL
from signvip_lab import demo_rows
from signvip_lab.evaluation.making import Made

FRAMES = np.random.default_rng(0).integers(0, 255, (4, 32, 32, 3)).astype(np.uint8)


def film(path, comment=None):
    with VideoWriter(path, 10, comment=comment) as video:
        video.write(FRAMES)
    return path


@pytest.mark.parametrize(
    "own",
    [
        ("a.mp4", lambda path: film(path)),
        ("a.json", lambda path: path.write_text('{"budget": 3}')),
        ("a.json", lambda path: path.write_text("[1, 2]")),
        ("a.json", lambda path: path.write_text("not even JSON")),
        ("a.pose", lambda path: path.write_bytes(b"poses of somebody")),
    ],
)
def test_a_file_of_the_users_own_stays_unless_told_otherwise(tmp_path, own):
    name, write = own
    write(tmp_path / name)
    before = (tmp_path / name).read_bytes()
    with pytest.raises(DataError, match=rf"{name} is there already, .* or add --overwrite\.$"):
        check_outputs(tmp_path / "a.mp4", tmp_path / "a.pose", overwrite=False)
    check_outputs(tmp_path / "a.mp4", tmp_path / "a.pose", overwrite=True)
    assert (tmp_path / name).read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_what_generate_wrote_may_be_written_again(tmp_path):
    film(tmp_path / "a.mp4", NOTICE)
    (tmp_path / "a.json").write_text(json.dumps({"generated": True, "pose": str(tmp_path / "a.pose")}))
    (tmp_path / "a.pose").write_bytes(b"ours")
    check_outputs(tmp_path / "a.mp4", tmp_path / "a.pose", overwrite=False)


def test_what_dead_processes_left_is_taken_away(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True
    )
    dead, living = (tmp_path / f".a.mp4.{number}{PARTIAL}" for number in (int(done.stdout), os.getppid()))
    for path in (dead, living):
        path.write_bytes(b"half")
    check_outputs(tmp_path / "a.mp4", None, overwrite=False)
    assert list(tmp_path.iterdir()) == [living]


def test_no_sidecar_tells_of_another_video(tmp_path, monkeypatch):
    """Stopped between the new video and its sidecar, the old sidecar is gone."""
    Image.fromarray(FRAMES[0]).save(tmp_path / "ref.png")
    request = Request("rain", tmp_path / "ref.png", tmp_path / "a.mp4")
    options = GenerateOptions(max_frames=1, steps=1)
    generate([request], run="embedded", options=options)
    assert json.loads((tmp_path / "a.json").read_text())["generated"]

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("signvip.generation.making.write_sidecar", stop)
    with pytest.raises(KeyboardInterrupt):
        generate([Request("snow", request.reference, request.output)], run="embedded", options=options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "ref.png"]


def test_clips_of_the_demo_say_what_they_are(tmp_path):
    made = Made(0, {"text": "rain"}, FRAMES, None, None, written=None, rebuilt=FRAMES, generated=FRAMES)
    chain = SimpleNamespace(
        clips=SimpleNamespace(conditions=lambda pick: torch.zeros(4, 6, 32, 32, dtype=torch.uint8)),
        run=SimpleNamespace(config=SimpleNamespace(fps=10.0)),
    )
    files = {
        name: demo_rows._write(tmp_path, chain, made, name, FRAMES, row)
        for name, row in (*demo_rows.VIDEOS.items(), ("true conditions", ""))
    }
    told = {name: read_comment(path) for name, path in files.items()}
    assert told == {
        "generated from the text": NOTICE,
        "from the true conditions": NOTICE,
        "ground truth": None,
        "true conditions": None,
    }
    assert not origin_of(files["ground truth"]) and origin_of(files["generated from the text"])


@pytest.mark.parametrize("comment", [None, NOTICE])
def test_what_is_shown_of_a_video_says_what_the_video_says(tmp_path, comment):
    shown = list(strips(film(tmp_path / "a.mp4", comment)))
    assert read_comment(write_video(shown, tmp_path / "b.mp4")) == comment
    with Image.open(write_sheet(shown, tmp_path / "b.png")) as sheet:
        assert is_marked(map(str, sheet.info.values())) == bool(comment)


def test_a_folder_or_an_impossible_name_in_the_place_of_a_video_is_told_before_any_work(tmp_path):
    (tmp_path / "a.mp4").mkdir()
    (tmp_path / "b.json").mkdir()
    for name in ("a.mp4", "b.mp4", "x" * 300 + ".mp4"):
        with pytest.raises(DataError, match="cannot be written"):
            check_outputs(tmp_path / name, None, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mp4", "b.json"]
