from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from signvip.data.reference_picture import load_reference
from signvip.errors import DataError

SIZE = (64, 48)  # (H, W)


def picture(height=90, width=120):
    """Red on the left half, blue on the right."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, : width // 2, 0] = pixels[:, width // 2 :, 2] = 255
    return pixels


def save(tmp_path, image, name="a.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def test_a_frame_of_the_right_size_is_left_as_it_is():
    frame = np.random.default_rng(0).integers(0, 255, (*SIZE, 3)).astype(np.uint8)
    assert np.array_equal(load_reference(frame, SIZE), frame)


def test_a_frame_that_the_pipeline_gave_is_taken_as_floats():
    assert np.array_equal(load_reference(picture() / np.float32(255), SIZE), load_reference(picture(), SIZE))
    with pytest.raises(DataError, match=r"give \(H, W, 3\)"):
        load_reference(picture().transpose(2, 0, 1), SIZE)


@pytest.mark.parametrize("shape", [(90, 120), (500, 60), (9, 9)])
def test_the_middle_is_cropped_not_squeezed(shape):
    loaded = load_reference(picture(*shape), SIZE)
    assert loaded.shape == (*SIZE, 3) and loaded.dtype == np.uint8
    assert loaded[:, 2].mean(0)[0] > 240 and loaded[:, -3].mean(0)[2] > 240


def test_a_circle_stays_round():
    y, x = np.mgrid[:120, :300]
    disc = (((x - 150) ** 2 + (y - 60) ** 2) < 900).astype(np.uint8) * 255
    bright = load_reference(np.repeat(disc[..., None], 3, -1), (64, 64))[..., 0] > 127
    assert abs(int(bright.any(0).sum()) - int(bright.any(1).sum())) <= 1


def test_exif_rotation_is_undone(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees
    path = save(tmp_path, Image.fromarray(picture()), "a.jpg", exif=exif)
    loaded = load_reference(path, SIZE).astype(int)
    assert loaded[4, :, 0].mean() > 200 and loaded[-4, :, 2].mean() > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(tmp_path, mode):
    clear = Image.new("RGBA", (60, 80), (0, 0, 0, 0))
    options = {"transparency": 0} if mode == "P" else {}
    path = save(tmp_path, clear.convert(mode), **options)
    assert (load_reference(path, SIZE) == 255).all()


@pytest.mark.parametrize("mode", ["L", "CMYK", "1", "RGB"])
def test_any_mode_becomes_rgb(tmp_path, mode):
    path = save(tmp_path, Image.fromarray(picture()).convert(mode), "a.tiff")
    assert load_reference(path, SIZE).shape == (*SIZE, 3)


def test_sixteen_bits_keep_their_greys(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 48).reshape(SIZE).astype(np.uint16)
    loaded = load_reference(save(tmp_path, Image.fromarray(ramp)), SIZE)
    assert abs(loaded.mean() - 127.5) < 1 and loaded.min() == 0 and loaded.max() == 255


def test_what_cannot_be_a_reference_is_a_sentence(tmp_path):
    whole = save(
        tmp_path, Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3)).astype(np.uint8))
    )
    cut = tmp_path / "cut.png"
    cut.write_bytes(whole.read_bytes()[:8000])
    (tmp_path / "words.png").write_text("hello")
    thin = save(tmp_path, Image.new("RGB", (1, 200)), "thin.png")
    for source, words in [
        (tmp_path / "none.png", "There is no picture"),
        (tmp_path / "words.png", "no picture that can be read"),
        (tmp_path, "give another picture"),
        (cut, "is damaged"),
        (thin, "is 1x200 pixels"),
    ]:
        with pytest.raises(DataError, match=words):
            load_reference(source, SIZE)
