"""Films of every making: what is signed over them has their frames, times, size and sound."""

from __future__ import annotations

import av
import numpy as np
import pytest
from films import BACKWARDS, film, numbered

from signvip.data.video import read_video
from signvip.errors import DataError
from signvip_track.composing import compose, look_at
from signvip_track.inset import Painter, place
from signvip_track.signer import Signer

RED = np.full((16, 16, 3), (220, 30, 30), np.uint8)


def over(source, output, track="inset", corner="br"):
    """The film with a red square in a corner."""
    about = look_at(source)
    shown = compose(
        source, about, output, track=track, signer=Signer((), {}, lambda _: RED, RED),
        painter=Painter(corner, 0.5, about.aspect, None), marker=None, blank=RED, language="ase",
        seal=lambda _: None, progress=lambda _: None,
    )  # fmt: skip
    return len(shown), output


def times(path):
    with av.open(str(path)) as container:
        zero = container.start_time / 1e6
        return [round(frame.time - zero, 3) for frame in container.decode(video=0)]


FILMS = {
    "backwards": ("a.mp4", {"options": BACKWARDS}),
    "one size odd": ("a.mkv", {"codec": "ffv1", "size": (61, 81), "pixels": "bgr0"}),
    "ten bits": ("a.mp4", {"pixels": "yuv420p10le"}),
    "full colours": ("a.mp4", {"pixels": "yuv444p"}),
    "webm": ("a.webm", {"codec": "libvpx-vp9"}),
    "transport stream": ("a.ts", {"options": BACKWARDS}),
    "avi": ("a.avi", {"codec": "mpeg4"}),
}


@pytest.mark.parametrize("name", FILMS)
def test_any_film(tmp_path, name):
    file, making = FILMS[name]
    size = making.get("size", (60, 80))
    making = {key: value for key, value in making.items() if key not in ("size", "pixels")}
    source = film(tmp_path / file, numbered(12, size, FILMS[name][1].get("pixels", "yuv420p")), **making)
    count, output = over(source, tmp_path / "out.mp4")
    before, after = read_video(source)[0], read_video(output)[0]
    assert count == len(before) == len(after)
    assert before.shape == after.shape
    assert times(output) == pytest.approx(times(source), abs=2e-3)
    assert np.abs(before.astype(int) - after)[:, :20, :30].mean() < 3
    assert np.abs(after[:, -20:-8, -20:-8].astype(int) - RED[0, 0]).max() < 40


def test_a_film_that_was_turned_is_signed_upright(tmp_path):
    source = film(tmp_path / "a.mp4", numbered(6, (60, 80)))
    turned = tmp_path / "turned.mp4"
    turned.write_bytes(_quarter(source.read_bytes()))
    before = read_video(turned)[0]
    assert before.shape[1:3] == (80, 60)
    after = read_video(over(turned, tmp_path / "out.mp4")[1])[0]
    assert after.shape == before.shape
    assert np.abs(after[:, -20:-8, -20:-8].astype(int) - RED[0, 0]).max() < 40


def _quarter(content: bytes) -> bytes:
    """Turn the video of an mp4 by a quarter, in the matrix of its track."""
    at = content.index(b"tkhd") + 4 + 40
    one = 1 << 16
    matrix = b"".join(
        value.to_bytes(4, "big", signed=True) for value in (0, one, 0, -one, 0, 0, 0, 0, 1 << 30)
    )
    return content[:at] + matrix + content[at + 36 :]


def test_wide_pixels_make_a_narrow_inset():
    box = place("br", 0.5, (100, 200), (16, 16), 2.0)
    assert (box.width, box.height) == (24, 50)


def test_a_signer_larger_than_the_film_is_refused():
    with pytest.raises(DataError, match="--scale"):
        place("br", 1.0, (100, 50), (16, 16), 1.0)


def test_a_film_that_was_cut_is_told_and_nothing_is_written(tmp_path):
    source = film(tmp_path / "a.mkv", numbered(12, (60, 80)), codec="ffv1", options={"slices": "4"})
    source.write_bytes(source.read_bytes()[:-3000])
    with pytest.raises(DataError, match=r"a\.mkv is cut"):
        over(source, tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mkv"]


def test_sound_that_a_container_cannot_hold_is_told(tmp_path):
    source = film(tmp_path / "a.mkv", numbered(12, (60, 80)), sound=True)  # PCM
    with pytest.raises(DataError, match=r"try -o out\.mkv"):
        over(source, tmp_path / "out.mp4")
    assert over(source, tmp_path / "out.mkv")[0] == 12


@pytest.mark.parametrize("ending", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("track", ["inset", "stream"])
def test_sound_goes_from_container_to_container(tmp_path, ending, track):
    first = over(
        film(tmp_path / "a.mp4", numbered(12, (60, 80)), sound=True), tmp_path / f"b.{ending}", track
    )[1]
    again = over(first, tmp_path / f"c.{ending}", track)[1]
    back = over(again, tmp_path / "d.mp4", track)[1]
    sounds = [
        [bytes(packet) for packet in av.open(str(path)).demux(audio=0)] for path in (tmp_path / "a.mp4", back)
    ]
    assert sounds[0] == sounds[1]
    # Matroska has no times below 0, so that the start of AAC moves everything
    late = 0.064 if ending == "mkv" else 0
    assert times(back) == pytest.approx([time + late for time in times(tmp_path / "a.mp4")], abs=3e-3)
