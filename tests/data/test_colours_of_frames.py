"""What colours, and which way up, frames are seen in: by the formulas of the standards, not by the reader's own."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
import pytest
from films import MATRICES, PATCHES, chart, film, frame_of, patches, planes

from signvip.data.footage import read_footage
from signvip.data.video import read_video

TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])  # BT.2087

OPTIONS = {"libx265": {"x265-params": "bframes=0"}}
"""x265 gives two frames no times, or random ones, while it waits for more of them to choose B-frames by."""


def read(path):
    """The first frame, by both ways to read one."""
    frame = read_footage(path, 10, longest=4096)[0]
    plain = read_video(path)[0][0]
    assert frame.shape == plain.shape and np.abs(patches(frame) - patches(plain)).max() <= 3
    return frame


def coloured(path, values, pixels="yuv444p", codec="ffv1", bits=8, matrix="bt601", full=False, **tags):
    frames = [frame_of(planes(values, matrix, full, bits), pixels, **tags)] * 2
    return film(path, frames, codec=codec, options=OPTIONS.get(codec), **tags)


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("name", "codec", "pixels", "bits"),
    [
        ("a.mkv", "ffv1", "yuv444p", 8),
        ("a.mp4", "libx264", "yuv420p", 8),
        ("a.mkv", "libx264", "yuv420p10le", 10),
        ("a.webm", "libvpx-vp9", "yuv420p", 8),
    ],
)
def test_the_matrix_and_the_range_of_a_file_are_taken_into_account(
    tmp_path, matrix, full, name, codec, pixels, bits
):
    tags = {"colorspace": MATRICES[matrix][0], "color_range": 2 if full else 1}
    path = coloured(tmp_path / name, chart(), pixels, codec, bits, matrix, full, **tags)
    assert np.abs(patches(read(path)) - PATCHES).max() <= 4


@pytest.mark.parametrize(("square", "matrix"), [(16, "bt601"), (320, "bt709")])
def test_a_file_that_names_no_matrix_has_that_of_its_size(tmp_path, square, matrix):
    path = coloured(tmp_path / "a.mkv", chart(square), codec="libx264", matrix=matrix)
    assert np.abs(patches(read(path)) - PATCHES).max() <= 4


def pq(light):  # ST 2084, of cd/m2
    power = (light / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg(light):  # BT.2100: of cd/m2 on a screen of 1000, by the inverse OOTF and the OETF
    luminance = (light / 1000) @ [0.2627, 0.6780, 0.0593]
    scene = light / 1000 * luminance[..., None] ** (1 / 1.2 - 1)
    logs = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), logs)


@pytest.mark.parametrize(("curve", "trc"), [(pq, 16), (hlg, 18)])
@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "ffv1"), ("a.mp4", "libx265")])
def test_hdr_comes_back_as_the_sdr_that_was_put_into_it(tmp_path, curve, trc, name, codec):
    light = (chart() / 255) ** 2.4 @ TO_2020.T * 203  # BT.2408: SDR's white is the diffuse white of HDR
    tags = {"colorspace": 9, "color_range": 1, "color_trc": trc, "color_primaries": 9}
    path = coloured(tmp_path / name, curve(light) * 255, "yuv420p10le", codec, 10, "bt2020", **tags)
    assert np.abs(patches(read(path)) - PATCHES).max() <= 9


@pytest.mark.parametrize(("curve", "trc"), [(pq, 16), (hlg, 18)])
def test_light_above_white_is_white(tmp_path, curve, trc):
    tags = {"colorspace": 9, "color_range": 1, "color_trc": trc, "color_primaries": 9}
    path = coloured(
        tmp_path / "a.mkv",
        curve(np.full((32, 64, 3), 900.0)) * 255,
        "yuv420p10le",
        bits=10,
        matrix="bt2020",
        **tags,
    )
    assert (read(path) == 255).all()


def test_wide_primaries_without_hdr_are_narrowed(tmp_path):
    values = ((chart() / 255) ** 2.4 @ TO_2020.T) ** (1 / 2.4) * 255
    tags = {"colorspace": 9, "color_range": 1, "color_trc": 14, "color_primaries": 9}
    path = coloured(tmp_path / "a.mkv", values, "yuv444p10le", bits=10, matrix="bt2020", **tags)
    assert np.abs(patches(read(path)) - PATCHES).max() <= 4


@pytest.mark.parametrize("tag", [1, 2])
def test_grey_has_a_range_too(tmp_path, tag):
    grey = np.full((32, 32), 100, np.uint8)
    path = film(
        tmp_path / "a.mkv", [frame_of([grey], "gray", color_range=tag)] * 2, codec="ffv1", color_range=tag
    )
    assert abs(int(read(path)[9, 9, 0]) - (98 if tag == 1 else 100)) <= 1


def clear(pixels):
    """The left half is red, the right transparent."""
    values = np.zeros((32, 32, 4), np.uint8)
    values[..., 0], values[:, :16, 3] = 200, 255
    return [av.VideoFrame.from_ndarray(values, format="rgba").reformat(format=pixels) for _ in range(3)]


@pytest.mark.parametrize(
    ("name", "codec", "pixels"),
    [
        ("a.webm", "libvpx-vp9", "yuva420p"),
        ("a.webm", "libvpx", "yuva420p"),
        ("a.mov", "png", "rgba"),
        ("a.mov", "qtrle", "argb"),
        ("a.mov", "prores_ks", "yuva444p10le"),
        ("a.mkv", "ffv1", "bgra"),
    ],
)
def test_what_is_transparent_becomes_white(tmp_path, name, codec, pixels):
    path = film(tmp_path / name, clear(pixels), codec=codec, options={"auto-alt-ref": "0"})
    frame = read(path).astype(int)
    assert np.abs(frame[4, 4] - [200, 0, 0]).max() < 12 and frame[4, 28].min() > 250


def test_a_palette_is_looked_up(tmp_path):
    values = av.VideoFrame.from_ndarray(chart().astype(np.uint8), format="rgb24").reformat(format="rgb8")
    path = film(tmp_path / "a.gif", [values, values], codec="gif")
    assert np.abs(patches(read(path)) - patches(values.to_ndarray(format="rgb24"))).max() <= 1


@pytest.mark.parametrize("size", [(31, 45), (1, 7), (17, 16)])
def test_odd_sizes_are_kept(tmp_path, size):
    frame = av.VideoFrame.from_ndarray(np.full((*size, 3), 90, np.uint8), format="rgb24")
    path = film(tmp_path / "a.mkv", [frame.reformat(format="yuv444p")] * 2, codec="ffv1")
    assert read_footage(path, 10, longest=960)[0].shape == (*size, 3)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_pixels_that_are_not_square_are_stretched(tmp_path, name):
    frames = [frame_of(planes(chart()), "yuv420p")] * 2
    path = film(tmp_path / name, frames, sample_aspect_ratio=Fraction(3, 2))
    assert read(path).shape == (32, 96, 3)


MARK = np.zeros((32, 64), np.uint8)
MARK[:8, :16] = 1  # the upper left


@pytest.mark.parametrize(
    ("matrix", "view"),  # of the track's header: x' = a x + c y, y' = b x + d y
    [
        ((0, 1, -1, 0), lambda m: np.rot90(m, -1)),
        ((-1, 0, 0, -1), lambda m: np.rot90(m, 2)),
        ((0, -1, 1, 0), lambda m: np.rot90(m, 1)),
        ((-1, 0, 0, 1), lambda m: m[:, ::-1]),
        ((1, 0, 0, -1), lambda m: m[::-1]),
        ((0, 1, 1, 0), lambda m: m.T),
        ((0, -1, -1, 0), lambda m: np.rot90(m, 2).T),
    ],
)
def test_a_film_is_turned_and_mirrored_as_it_asks_for(tmp_path, matrix, view):
    frame = av.VideoFrame.from_ndarray(MARK[..., None].repeat(3, -1) * 255, format="rgb24")
    path = film(tmp_path / "a.mp4", [frame.reformat(format="yuv420p")] * 2)
    data = bytearray(path.read_bytes())
    (a, b, c, d), at = matrix, data.index(b"tkhd") + 44
    data[at : at + 20] = b"".join((65536 * n).to_bytes(4, "big", signed=True) for n in (a, b, 0, c, d))
    path.write_bytes(bytes(data))
    seen, wanted = read_footage(path, 10, longest=960)[0][..., 0] > 128, view(MARK) == 1
    assert seen.shape == wanted.shape and (seen != wanted).mean() < 0.03


def fields(frames):
    """The same, told to be of two fields of which the upper is the earlier."""
    graph = av.filter.Graph()
    first = frames[0]
    source = graph.add_buffer(
        width=first.width, height=first.height, format=first.format, time_base=Fraction(1, 25)
    )
    graph.link_nodes(source, graph.add("setfield", "tff"), graph.add("buffersink")).configure()
    for number, frame in enumerate(frames):
        frame.pts = number
        graph.vpush(frame)
        yield graph.vpull()


@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mpg", "mpeg2video"), ("a.mkv", "ffv1")]
)
def test_two_fields_of_a_moving_bar_make_no_comb(tmp_path, name, codec):
    frames = []
    for number in range(8):
        grey = np.zeros((64, 96), np.uint8)
        for row in range(64):
            grey[row, 8 * number + 4 * (row % 2) :][:16] = 200  # the lower field is later
        frames.append(frame_of([grey, np.full_like(grey, 128), np.full_like(grey, 128)], "yuv420p"))
    options = {"libx264": {"x264-params": "tff=1"}, "mpeg2video": {"flags": "+ildct+ilme"}}.get(codec, {})
    path = film(tmp_path / name, list(fields(frames)), rate=25, codec=codec, options=options)
    seen = read_footage(path, 25, longest=960).astype(int).mean(-1)  # (F, H, W)
    assert len(seen) == 8
    combs = np.abs(2 * seen[:, 1:-1] - seen[:, :-2] - seen[:, 2:]).mean((1, 2))
    assert combs.max() < 4  # 33 as it is stored
    middles = (seen * np.arange(96)).sum((1, 2)) / seen.sum((1, 2))
    assert np.abs(np.diff(middles) - 8)[1:-1].max() < 1  # each in its turn
