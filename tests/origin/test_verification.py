"""`verify`: what is found in a video, whether it holds, and the exit of the command."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
from drawn import FPS, clip, resized
from typer.testing import CliRunner

import signvip
from signvip.data.video import encode_video, read_video, write_video
from signvip.errors import DataError
from signvip.origin.record import Origin, OriginOptions
from signvip.origin.sidecar import write_sidecar
from signvip.origin.truth import check_pixels
from signvip.origin.writing import GeneratedVideo
from signvip_cli.app import app


def generated(path, options=OriginOptions(manifest=False), text="rain"):  # noqa: B008 (frozen)
    with GeneratedVideo(path, FPS, Origin(text, "ase", "abc", 3, "ef"), options) as video:
        video.write(clip())
    about = {"generated": True, "text": text, "weights": "abc", "sampling": {"seed": 3, "language": "ase"}}
    write_sidecar(path.with_suffix(".json"), {**about, "origin": video.told})
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return generated(tmp_path_factory.mktemp("made") / "a.mp4")


@pytest.fixture
def copy(made, tmp_path):
    shutil.copy(made, tmp_path / "a.mp4")
    shutil.copy(made.with_suffix(".json"), tmp_path / "a.json")
    return tmp_path / "a.mp4"


def command(path, *options):
    result = CliRunner().invoke(app, ["verify", str(path), *options])
    return result.exit_code, result.stdout


def test_a_video_as_it_was_written_holds(made):
    found = signvip.verify(made)
    assert (found.mark.holds, found.sidecar.holds, found.manifest.found) == (True, True, False)
    assert found.generated
    code, told = command(made, "--json")
    assert code == 0
    assert {name: json.loads(told)[name]["found"] for name in ("manifest", "mark", "sidecar")} == {
        "manifest": False, "mark": True, "sidecar": True,
    }  # fmt: skip


def test_a_true_clip_says_nothing(tmp_path):
    write_video(tmp_path / "true.mp4", clip(), FPS)
    code, told = command(tmp_path / "true.mp4")
    assert code == 0
    assert "nothing says that it was generated" in told
    assert not signvip.verify(tmp_path / "true.mp4").found


def test_a_changed_video_is_told_from_its_sidecar(copy):
    frames, _ = read_video(copy)
    copy.write_bytes(encode_video(resized(frames, 48, 48), FPS, crf=23))
    found = signvip.verify(copy)
    assert (found.mark.holds, found.sidecar.holds) == (True, False)
    assert command(copy)[0] == 1


def edit(video, change):
    """Change a sidecar as somebody does with an editor."""
    beside = video.with_suffix(".json")
    value = json.loads(beside.read_text())
    change(value)
    beside.write_text(json.dumps(value))


CHANGES = {
    "text": lambda value: value.update(text="snow"),
    "seed": lambda value: value["sampling"].update(seed=4),
    "one more": lambda value: value.update(judged="by deaf signers"),
    "payload": lambda value: value["origin"]["mark"].update(payload="0000"),
    "not generated": lambda value: value.update(generated=False),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_sidecar_does_not_hold(copy, name):
    edit(copy, CHANGES[name])
    found = signvip.verify(copy)
    assert (found.sidecar.found, found.sidecar.holds, found.mark.holds) == (True, False, True)
    assert "changed after it was written" in found.sidecar.why
    assert command(copy)[0] == 1


def test_a_sidecar_that_was_changed_with_its_hash_is_told_from_the_mark(copy):
    def rewrite(payload):
        def change(value):
            value["text"] = "snow"
            value["origin"]["mark"]["payload"] = payload or value["origin"]["mark"]["payload"]

        edit(copy, change)
        beside = copy.with_suffix(".json")
        write_sidecar(beside, json.loads(beside.read_text()))
        return signvip.verify(copy)

    assert "would have the mark" in rewrite(None).sidecar.why
    found = rewrite(f"{Origin('snow', 'ase', 'abc', 3, 'ef').payload:04x}")
    assert found.sidecar.holds and not found.mark.holds
    assert "the sidecar says" in found.mark.why
    assert command(copy)[0] == 1


def test_a_sidecar_of_an_older_version_cannot_be_checked(copy):
    copy.with_suffix(".json").write_text('{"generated": true, "text": "rain"}')
    found = signvip.verify(copy)
    assert found.sidecar.found
    assert found.sidecar.holds is None
    assert command(copy)[0] == 0


@pytest.mark.parametrize("content", [b"", b"no video", None])
def test_what_is_no_video_is_an_error(tmp_path, content):
    if content is not None:
        (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(DataError):
        signvip.verify(tmp_path / "a.mp4")
    assert command(tmp_path / "a.mp4")[0] == 1


@pytest.mark.parametrize("origin", ["text", 3, [], {"stream": 3}, {"stream": None, "mark": []}])
def test_a_strange_sidecar_is_read_all_the_same(copy, origin):
    copy.with_suffix(".json").write_text(json.dumps({"generated": True, "origin": origin}))
    assert signvip.verify(copy).sidecar.found


def test_a_generated_clip_whose_sidecar_was_lost_is_no_truth(made):
    stripped = read_video(encode_video(read_video(made)[0], FPS, crf=23))[0]
    with pytest.raises(DataError, match=r"mark in its pixels.*--set dataset\.generated=take"):
        check_pixels(stripped, FPS, "a.mp4", "refuse")
    assert check_pixels(stripped, FPS, "a.mp4", "take")
    assert check_pixels(clip(), FPS, "a.mp4", "refuse") == ""
    assert check_pixels(np.zeros((0, 8, 8, 3), np.uint8), FPS, "a.mp4", "refuse") == ""
