"""Footage comes out at one rate, upright, whole, and no larger than asked for."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from footage import numbers, write_pictures, write_video

from signvip.data.footage import evenly, read_footage
from signvip.errors import DataError


@pytest.mark.parametrize(
    ("have", "want", "picked"),
    [
        (12, 12, [0, 1, 2, 3, 4, 5]),
        (24, 12, [0, 2, 4]),
        (6, 12, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]),
        (30, 25, [0, 1, 2, 4, 5]),
    ],
)
def test_a_fixed_rate_takes_the_nearest_frame_and_keeps_the_length(have, want, picked):
    timed = ((number / have, number) for number in range(6))
    assert list(evenly(timed, want, 0.0, None)) == picked


def test_a_variable_rate_comes_out_even():
    times = [0.0, 0.1, 0.2, 0.6, 0.7]
    assert list(evenly(zip(times, range(5), strict=True), 10, 0.0, None)) == [0, 1, 2, 2, 2, 2, 3, 4]


@pytest.mark.parametrize(
    ("ticks", "rate"),  # GIF counts hundredths of a second, WebM thousandths
    [(100, 10), (100, 12), (100, 25), (1000, 12), (1000, 24), (1000, 30), (1000, 60)],
)
def test_times_that_a_container_rounds_give_no_frame_more(ticks, rate):
    for count in range(20, 40):
        timed = [(round(number / rate * ticks) / ticks, number) for number in range(count)]
        assert list(evenly(timed, rate, 0.0, None)) == list(range(count))


def test_a_part_ends_with_the_video_at_the_latest():
    timed = [(number / 10, number) for number in range(10)]
    assert list(evenly(timed, 10, 0.4, 0.7)) == [4, 5, 6]
    assert list(evenly(timed, 10, 0.7, 99.0)) == [7, 8, 9]
    assert list(evenly(timed, 10, 5.0, 9.0)) == []


def test_a_single_frame_is_shown_once():
    assert list(evenly([(0.0, "only")], 10, 0.0, None)) == ["only"]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.mp4", "libx264", "yuv420p"),
        ("a.mov", "libx264", "yuv420p"),
        ("a.webm", "libvpx", "yuv420p"),
        ("a.gif", "gif", "rgb8"),
    ],
)
def test_containers_are_read(tmp_path, name, codec, pixels):
    path = write_video(tmp_path / name, frames=10, rate=10, codec=codec, pixels=pixels)
    frames = read_footage(path, 5.0, longest=960)
    assert frames.shape == (5, 24, 32, 3)
    assert np.abs(np.array(numbers(frames)) - [0, 2, 4, 6, 8]).max() <= 1  # gif has few colours


def test_presentation_times_count_not_the_nominal_rate(tmp_path):
    times = [0, 1, 2, 6, 7]
    path = write_video(tmp_path / "a.mp4", frames=5, rate=10, times=times)
    assert numbers(read_footage(path, 10.0, longest=960)) == [0, 1, 2, 2, 2, 2, 3, 4]


def test_a_late_part_is_found_without_counting_frames(tmp_path):
    path = write_video(tmp_path / "a.mp4", frames=28, rate=5)
    assert numbers(read_footage(path, 5.0, longest=960, start=4.0, end=4.6)) == [20, 21, 22]


def test_pictures_are_in_the_order_of_their_numbers(tmp_path):
    folder = write_pictures(tmp_path / "clip", name="image{}.png")
    assert numbers(read_footage(folder, 25.0, longest=960, picture_fps=25.0)) == list(range(12))
    assert numbers(read_footage(folder, 12.5, longest=960, picture_fps=25.0)) == [0, 2, 4, 6, 8, 10]


def test_large_pictures_come_smaller(tmp_path):
    assert read_footage(write_video(tmp_path / "a.mp4"), 12, longest=16).shape[1:3] == (12, 16)
    assert read_footage(write_pictures(tmp_path / "b"), 12, longest=16).shape[1:3] == (12, 16)


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [("a.webm", "libvpx", "yuv420p"), ("a.mkv", "mpeg4", "yuv420p"), ("a.gif", "gif", "rgb8")],
)
def test_a_cut_file_is_told_where_no_frames_are_counted_too(tmp_path, name, codec, pixels):
    path = write_video(tmp_path / name, frames=20, rate=10, codec=codec, pixels=pixels)
    assert len(read_footage(path, 10, longest=960)) == 20
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="is cut short"):
        read_footage(path, 12, longest=960)


def test_a_codec_that_nobody_knows_is_told(tmp_path):
    path = write_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(DataError, match="a codec that nothing here decodes"):
        read_footage(path, 12, longest=960)


@pytest.mark.parametrize(
    ("matrix", "corner"),  # of the track header: a quarter with the clock, a half, three quarters
    [((0, 1, -1, 0), (0, -1)), ((-1, 0, 0, -1), (-1, -1)), ((0, -1, 1, 0), (-1, 0))],
)
def test_films_of_phones_are_turned_as_they_ask_for(tmp_path, monkeypatch, matrix, corner):
    marked = np.zeros((32, 64, 3), np.uint8)
    marked[:8, :16] = 255
    monkeypatch.setattr("footage.picture", lambda number, size: marked)
    path = write_video(tmp_path / "a.mp4", frames=3, size=(32, 64))
    data = bytearray(path.read_bytes())
    (a, b, c, d), at = matrix, data.index(b"tkhd") + 44
    data[at : at + 20] = struct.pack(">5i", *(65536 * number for number in (a, b, 0, c, d)))
    path.write_bytes(bytes(data))
    frame = read_footage(path, 12, longest=960)[0]
    assert frame.shape[:2] == ((64, 32) if a == 0 else (32, 64))
    assert frame[corner].min() > 200 and (frame > 128).mean() == pytest.approx(1 / 16, abs=0.02)


def test_damage_is_told(tmp_path):
    path = write_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="cut short"):
        read_footage(path, 12, longest=960)
    folder = write_pictures(tmp_path / "b", frames=3)
    (folder / "images0002.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"images0002\.png is damaged"):
        read_footage(folder, 12, longest=960)
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        read_footage(tmp_path / "c", 12, longest=960)
    with pytest.raises(DataError, match="ends before 9 s"):
        read_footage(write_video(tmp_path / "d.mp4"), 12, longest=960, start=9.0)
