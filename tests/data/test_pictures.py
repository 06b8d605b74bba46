"""A picture is seen as an image viewer shows it, as a reference and as a frame of a folder alike."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from films import PATCHES, chart, patches
from PIL import Image, ImageCms

from signvip.data.footage import read_footage
from signvip.data.pictures import read_picture
from signvip.data.reference_picture import load_reference
from signvip.errors import DataError


def seen(path):
    """What is seen of it, by both ways to read one."""
    picture = np.asarray(read_picture(path))
    if not path.name.startswith("."):
        folder = path.parent / "frames"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        (folder / path.name).write_bytes(path.read_bytes())
        assert np.array_equal(read_footage(folder, 10, longest=4096)[0], picture)
    assert np.array_equal(load_reference(path, picture.shape[:2]), picture)
    return picture


def rgb():
    return Image.fromarray(chart().astype(np.uint8))


def save(path, image, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.webp", "a.tif", "a.tiff", "a.jpg", "a.PNG", "a.Jpeg"])
def test_formats(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {"quality": 98} if "jp" in name.lower() else {}
    assert np.abs(patches(seen(save(tmp_path / name, rgb(), **options))) - PATCHES).max() <= 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
def test_all_eight_orientations(tmp_path, orientation, name):
    mark = np.zeros((32, 64), np.uint8)
    mark[:8, :16] = 255
    stored = {
        1: mark, 2: mark[:, ::-1], 3: mark[::-1, ::-1], 4: mark[::-1], 5: mark.T,
        6: np.rot90(mark, 1), 7: mark[::-1, ::-1].T, 8: np.rot90(mark, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(
        tmp_path / name, Image.fromarray(np.ascontiguousarray(stored[orientation])).convert("RGB"), exif=exif
    )
    picture = seen(path)[..., 0] > 128
    assert picture.shape == mark.shape and (picture != (mark > 0)).mean() < 0.02


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(tmp_path, mode):
    values = np.zeros((16, 16, 4), np.uint8)
    values[:8, :, 3] = 255
    image = Image.fromarray(values)
    image = image.quantize(8, method=Image.Quantize.FASTOCTREE) if mode == "P" else image.convert(mode)
    picture = seen(save(tmp_path / "a.png", image))
    assert (picture[2, 2] < 4).all() and (picture[12, 12] == 255).all()


def test_half_of_a_colour_is_mixed_with_white(tmp_path):
    image = Image.new("RGBA", (16, 16), (200, 0, 0, 128))
    assert (
        np.abs(
            seen(save(tmp_path / "a.webp", image, lossless=True))[5, 5].astype(int) - [227, 127, 127]
        ).max()
        <= 1
    )


@pytest.mark.parametrize(
    ("name", "dtype", "top"),
    [
        ("a.png", np.uint16, 65535),
        ("a.tif", np.uint16, 65535),
        ("a.tif", np.int32, 65535),
        ("a.tif", np.float32, 1.0),
    ],
)
def test_greys_of_more_bits_keep_their_steps(tmp_path, name, dtype, top):
    ramp = (np.linspace(0, 1, 256).reshape(16, 16) * top).astype(dtype)
    picture = seen(save(tmp_path / name, Image.fromarray(ramp)))
    assert np.abs(picture[..., 1].reshape(-1).astype(int) - np.arange(256)).max() <= 1


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB"])
def test_other_colours(tmp_path, mode):
    image = rgb()
    if mode == "LAB":
        image = ImageCms.profileToProfile(
            image, ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
    else:
        image = image.convert(mode)
    picture = seen(save(tmp_path / ("a.jpg" if mode == "YCbCr" else "a.tif"), image))
    assert np.abs(patches(picture) - PATCHES).max() <= 6


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_grey_and_palettes(tmp_path, mode):
    picture = seen(save(tmp_path / "a.png", rgb().convert("L").convert(mode)))
    assert picture.shape == (32, 64, 3) and np.ptp(picture, -1).max() <= 1


def swapped_profile():
    """sRGB with the primaries of red and green swapped, by the tags' names."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    places = {bytes(data[132 + 12 * n : 136 + 12 * n]): 132 + 12 * n for n in range(count)}
    red, green = places[b"rXYZ"], places[b"gXYZ"]
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data)


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_the_profile_of_a_picture_is_used(tmp_path, name):
    options = {"lossless": True} if "webp" in name else {"quality": 98} if "jpg" in name else {}
    path = save(tmp_path / name, rgb(), icc_profile=swapped_profile(), **options)
    assert np.abs(patches(seen(path)) - PATCHES[..., [1, 0, 2]]).max() <= 5


def test_a_profile_that_is_none_is_ignored(tmp_path):
    assert np.array_equal(patches(seen(save(tmp_path / "a.png", rgb(), icc_profile=b"no profile"))), PATCHES)


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.tif"])
def test_the_first_of_several_is_seen(tmp_path, name):
    first, second = (Image.new("RGB", (16, 16), (grey,) * 3) for grey in (200, 20))
    options = {"lossless": True} if name == "a.webp" else {}
    path = save(tmp_path / name, first, save_all=True, append_images=[second], **options)
    assert (np.asarray(read_picture(path)) == 200).all()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb(side):
    """A PNG of a few kilobytes that wants to be `side` pixels wide and high."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp", "tif", "gif"])
def test_what_is_damaged_is_a_sentence(tmp_path, ending, recwarn):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (90, 90, 3)).astype(np.uint8)
    Image.fromarray(noise).save(stream, {"jpg": "JPEG", "tif": "TIFF"}.get(ending, ending))
    for count in (0, 10, 60, len(stream.getvalue()) // 2, len(stream.getvalue()) * 9 // 10):
        path = tmp_path / f"cut.{ending}"
        path.write_bytes(stream.getvalue()[:count])
        with pytest.raises(DataError, match=r"cut\.\w+ is damaged or no picture.*; leave this clip out\.$"):
            read_picture(path, "leave this clip out")
    assert not recwarn.list


@pytest.mark.parametrize("side", [14000, 60000])
def test_a_bomb_is_a_sentence(tmp_path, side, recwarn):
    (tmp_path / "bomb.png").write_bytes(bomb(side))
    with pytest.raises(DataError, match=r"bomb\.png is "):
        load_reference(tmp_path / "bomb.png", (64, 64))
    assert not recwarn.list


def test_no_other_program_is_started_to_draw(tmp_path):
    (tmp_path / "a.eps").write_text(
        "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    )
    with pytest.raises(DataError, match="no picture that can be read"):
        read_picture(tmp_path / "a.eps")


def test_hidden_files_are_no_frames_and_numbers_count_by_value(tmp_path):
    names = ["Img_2.bmp", "img_10.png", "img_9.webp", "img_1.tif", "²img.png"]
    for grey, name in zip([20, 40, 30, 10, 50], names, strict=True):
        Image.new("RGB", (16, 16), (grey,) * 3).save(
            tmp_path / name, **({"lossless": True} if "webp" in name else {})
        )
    for name in ("._img_1.png", ".hidden.png"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7 of a Mac")
    assert [int(frame.mean()) for frame in read_footage(tmp_path, 10, longest=960)] == [10, 20, 30, 40, 50]


def test_a_frame_in_two_formats_is_told_and_not_shown_twice(tmp_path):
    for name in ("1.png", "1.jpg", "2.png"):
        Image.new("RGB", (16, 16)).save(tmp_path / name)
    with pytest.raises(DataError, match=r"one frame twice \(1\.jpg and 1\.png\)"):
        read_footage(tmp_path, 10, longest=960)
