"""The door that generated video leaves by: what it writes is marked, says so, and comes out the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import FPS, clip
from PIL import Image

import signvip
from signvip.data.provenance import NOTICE
from signvip.data.video import read_comment, read_video
from signvip.errors import DataError
from signvip.origin import writing
from signvip.origin.record import Consent, Origin, OriginOptions
from signvip.origin.writing import GeneratedVideo, stream_digest

FROM = Origin("rain", "ase", "abc", 3)
UNSIGNED = OriginOptions(manifest=False)


def write(path, frames, options=UNSIGNED, origin=FROM):
    with GeneratedVideo(path, FPS, origin, options) as video:
        for start in range(0, len(frames), 10):
            video.write(frames[start : start + 10])
    return video.told


def test_equal_origins_give_equal_files(tmp_path):
    for name in ("a.mp4", "b.mp4"):
        write(tmp_path / name, clip())
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_it_tells_what_is_in_the_file(tmp_path):
    told = write(tmp_path / "a.mp4", clip())
    assert told["mark"]["payload"] == f"{FROM.payload:04x}"
    assert told["manifest"] == "off: --no-manifest"
    assert told["stream"] == stream_digest(tmp_path / "a.mp4")
    assert read_comment(tmp_path / "a.mp4") == NOTICE
    assert signvip.verify(tmp_path / "a.mp4").mark.facts["payload"] == told["mark"]["payload"]


def test_without_a_mark_frames_are_as_they_were(tmp_path):
    off = OriginOptions(mark=False, manifest=False)
    told = write(tmp_path / "a.mp4", clip(), off)
    assert told["mark"] == "off: --no-mark"
    assert np.abs(read_video(tmp_path / "a.mp4")[0].astype(int) - clip()).mean() < 2
    assert not signvip.verify(tmp_path / "a.mp4").mark.found


@pytest.mark.parametrize("changed", ["text", "language", "weights", "seed", "reference"])
def test_another_origin_has_another_mark(changed):
    other = {**FROM.__dict__, changed: 4 if changed == "seed" else "other"}
    assert Origin(**other).payload != FROM.payload


def test_the_label_is_seen_in_its_corner_alone(tmp_path):
    write(tmp_path / "plain.mp4", clip(12))
    write(tmp_path / "label.mp4", clip(12), OriginOptions(label=True, manifest=False))
    plain, labelled = (read_video(tmp_path / f"{name}.mp4")[0].astype(int) for name in ("plain", "label"))
    changed = np.abs(plain - labelled).max(axis=(0, 3))
    assert (changed[:12, :40] > 60).mean() > 0.3
    assert changed[24:].max() < 40


def test_a_missing_extra_is_told_once_and_noted(tmp_path, monkeypatch, recwarn):
    monkeypatch.setattr(writing, "can_sign", lambda: False)
    monkeypatch.setattr(writing, "_told", set())
    notes = [write(tmp_path / "a.mp4", clip(3), OriginOptions())["manifest"] for _ in range(2)]
    assert notes == ["none: c2pa-python is not installed"] * 2
    told = [str(one.message) for one in recwarn if "signvip[provenance]" in str(one.message)]
    assert len(told) == 1


def test_a_consent_is_hashed(tmp_path):
    (tmp_path / "anna.md").write_text("Anna agrees.")
    consent = Consent.read(tmp_path / "anna.md")
    told = write(tmp_path / "a.mp4", clip(3), origin=Origin("rain", consent=consent))
    assert told["consent"] == {"file": "anna.md", "sha256": consent.sha256}
    assert len(consent.sha256) == 64


@pytest.mark.parametrize("content", [None, "", "  \n"])
def test_a_consent_that_says_nothing_is_an_error(tmp_path, content):
    if content is not None:
        (tmp_path / "anna.md").write_text(content)
    with pytest.raises(DataError, match="--consent"):
        Consent.read(tmp_path / "anna.md")


@pytest.mark.parametrize("kind", ["pil", "np", "pt"])
def test_python_writes_the_file_that_the_command_writes(tmp_path, kind):
    torch = pytest.importorskip("torch")
    frames = {
        "pil": lambda: [Image.fromarray(frame) for frame in clip(12)],
        "np": lambda: clip(12) / 255,
        "pt": lambda: torch.from_numpy(clip(12) / 255).permute(0, 3, 1, 2),
    }[kind]()
    told = signvip.write_video(tmp_path / "python.mp4", frames, FPS, origin=FROM, options=UNSIGNED)
    assert told["stream"] == write(tmp_path / "command.mp4", clip(12))["stream"]


def test_frames_of_several_videos_are_an_error(tmp_path):
    with pytest.raises(DataError, match="one text"):
        signvip.write_video(tmp_path / "a.mp4", np.zeros((2, 3, 8, 8, 3)), FPS)
