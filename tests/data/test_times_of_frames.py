"""Which frame is shown when, in containers that say it in their own ways, wrongly or not at all."""

from __future__ import annotations

import av
import numpy as np
import pytest
from av.stream import Disposition
from films import BACKWARDS, film, numbered, silence
from footage import numbers

from signvip.data.footage import read_footage
from signvip.errors import DataError

LAYOUTS = {
    "a.mp4": None, "a.mov": None, "a.mkv": None, "a.avi": None, "a.flv": None,
    "a.ts": "mpegts", "a.m2ts": "mpegts", "a.h264": "h264",
}  # fmt: skip


def seen(path, fps=10.0, **part):
    return numbers(read_footage(path, fps, longest=960, **part))


@pytest.mark.parametrize("name", LAYOUTS)
def test_frames_stored_in_another_order_are_each_shown_once(tmp_path, name):
    path = film(tmp_path / name, numbered(28), form=LAYOUTS[name], options=BACKWARDS)
    assert seen(path) == list(range(28))
    assert seen(path, start=1.2, end=1.5) == [12, 13, 14]
    assert seen(path, start=2.5) == [25, 26, 27]


@pytest.mark.parametrize("name", ["a.avi", "a.mp4", "a.mkv", "a.ts"])
def test_a_frame_is_held_until_the_next_appears(tmp_path, name):
    times = [0, 1, 2, 7, 8, 20, 21]
    form = LAYOUTS[name]
    path = film(tmp_path / name, numbered(7), times=times, form=form, options={"bf": "0"})
    assert seen(path)[:21] == [0, 1, 2, 2, 2, 2, 2, 3, *[4] * 12, 5]
    assert seen(path, fps=5.0)[:10] == [0, 2, 2, 2, 4, 4, 4, 4, 4, 4]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize("first", [7, -3])
def test_seconds_count_from_where_a_player_begins(tmp_path, name, first):
    path = film(tmp_path / name, numbered(12), times=range(first, first + 12), form=LAYOUTS[name])
    shown = seen(path)
    assert shown == list(range(12)) or (
        first < 0 and shown == list(range(-first, 12))
    )  # an edit list cuts them off
    assert seen(path, start=0.3, end=0.5) == shown[3:5]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
def test_parts_count_from_sound_that_begins_before_the_pictures(tmp_path, name):
    path = film(tmp_path / name, numbered(12), times=range(5, 17), form=LAYOUTS[name], sound=True)
    assert seen(path) == list(range(12))  # nothing is shown before the first
    assert seen(path, start=0.8, end=1.1) == [3, 4, 5]


def test_the_last_frame_lasts_as_long_as_its_file_says(tmp_path):
    path = film(tmp_path / "a.gif", numbered(3, pixels="rgb8"), codec="gif")
    data = bytearray(path.read_bytes())
    at = data.rindex(b"\x21\xf9\x04") + 4
    data[at : at + 2] = (50).to_bytes(2, "little")  # hundredths of a second
    path.write_bytes(bytes(data))
    assert len(seen(path)) == 7


def test_a_seek_that_lands_too_late_is_noticed(tmp_path):
    path = film(tmp_path / "a.mkv", numbered(29), rate=5, options=BACKWARDS | {"live": "0"})
    assert seen(path, 5.0, start=4.0, end=4.6) == [20, 21, 22]
    data = bytearray(path.read_bytes())
    cues = data.rindex(b"\x1c\x53\xbb\x6b")
    at, times = cues, []
    while (at := data.find(b"\xb3", at)) >= 0:  # CueTime: all say that the last key frame is at the beginning
        times.append(at)
        at += 1
    for place in times:
        length = data[place + 1] & 0x7F
        data[place + 2 : place + 2 + length] = bytes(length)
    path.write_bytes(bytes(data))
    assert seen(path, 5.0, start=4.0, end=4.6) == [20, 21, 22]


@pytest.mark.parametrize("name", ["a.ts", "a.h264"])
def test_what_comes_before_the_first_key_frame_is_left_out(tmp_path, name):
    path = film(tmp_path / name, numbered(24), form=LAYOUTS[name], options=BACKWARDS | {"bf": "0"})
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.pos is not None]
    path.write_bytes(path.read_bytes()[places[1] :])
    assert seen(path) == list(range(8, 24))


def test_a_cover_is_no_film_and_of_two_films_the_default_is_shown(tmp_path):
    with av.open(str(tmp_path / "two.mkv"), "w") as container:
        streams = [container.add_stream("libx264", rate=10) for _ in range(2)]
        for stream in streams:
            stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
        streams[1].disposition = 1
        for number, (one, other) in enumerate(zip(numbered(4), numbered(8)[4:], strict=True)):
            one.pts = other.pts = number
            container.mux(streams[0].encode(one))
            container.mux(streams[1].encode(other))
        for stream in streams:
            container.mux(stream.encode())
    assert seen(tmp_path / "two.mkv") == [4, 5, 6, 7]


@pytest.mark.parametrize("shown", ["film", "sound"])
def test_the_cover_of_a_file_is_not_its_film(tmp_path, shown):
    path = tmp_path / "cover.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 240, 320, "yuvj420p"
        cover.disposition = Disposition.attached_pic.value
        if shown == "film":
            stream = container.add_stream("libx264", rate=10)
            stream.height, stream.width, stream.pix_fmt = 24, 32, "yuv420p"
            for number, frame in enumerate(numbered(5)):
                frame.pts = number
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        else:
            silence(container, 1)
        picture = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 250, np.uint8), format="rgb24")
        container.mux(cover.encode(picture.reformat(format="yuvj420p")))
        container.mux(cover.encode())
    if shown == "film":
        assert seen(path) == [0, 1, 2, 3, 4]
    else:
        with pytest.raises(DataError, match="holds no video"):
            seen(path)
