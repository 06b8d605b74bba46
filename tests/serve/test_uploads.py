"""Files of strangers: each is a picture of a few formats and sizes, or is refused in a sentence."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from signvip.errors import DataError

GENERATE = "/v1/generate"


def saved(picture, kind, **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def photo(kind, **options):
    pixels = np.random.default_rng(3).integers(0, 256, (6, 4, 3), np.uint8)
    return saved(Image.fromarray(pixels).resize((40, 60)), kind, **options)


def png(width, height, data=b""):
    """A PNG that says that it is so large, and holds next to nothing."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


REFUSED = {
    "text": (b"I am a picture.", 422, "damaged or no picture"),
    "svg": (
        b'<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"/>',
        422,
        "damaged or no picture",
    ),
    "gif": (photo("GIF"), 422, "damaged or no picture"),
    "tiff": (photo("TIFF"), 422, "damaged or no picture"),
    "cut": (photo("JPEG")[:-200], 422, "damaged or no picture"),
    "html": (b"<html><script>alert(1)</script>", 422, "damaged or no picture"),
    "bomb": (png(60_000, 60_000), 422, "far too many pixels"),
    "wide": (png(9000, 9000), 422, "9000x9000 pixels; give one of at most 40 million"),
    "tiny": (png(4, 4, b"\0" * 52), 422, "4x4 pixels; give one of at least 8x8"),
    "20 MB": (photo("PNG") + bytes(20 * 2**20), 413, "too large"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("path", [GENERATE, "/v1/check"])
def test_a_file_that_is_not_a_picture_of_a_signer_is_refused_in_a_sentence(serving, name, path):
    content, status, words = REFUSED[name]
    with serving() as served:
        got = served.client.post(path, data={"text": "rain"}, files={"reference": (f"{name}.png", content)})
    assert got.status_code == status and words in got.json()["detail"]
    assert got.json()["detail"].count("\n") == 0 and got.json()["detail"].endswith(".")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_of_three_formats_are_taken(serving, kind):
    with serving() as served:
        files = {"reference": ("a", photo(kind))}
        assert served.client.post("/v1/check", data={"text": "rain"}, files=files).status_code == 200


def test_a_picture_is_turned_as_its_camera_says(studio):
    from signvip_serve.forms import Ask

    upright = Image.open(io.BytesIO(photo("PNG")))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it a quarter to the right
    turned = saved(upright.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    seen = [studio.order(Ask("rain", picture=one)).picture for one in (photo("PNG"), turned)]
    assert np.array_equal(*seen)


def test_what_waits_in_the_queue_is_no_larger_than_what_the_run_sees(studio):
    from signvip_serve.forms import Ask

    order = studio.order(Ask("rain", picture=saved(Image.new("RGB", (4000, 4000)), "PNG")))
    assert order.picture.shape == (32, 32, 3)


def test_a_record_of_consent_has_a_limit(serving):
    with serving(consent_bytes=10) as served:
        for given in (
            {"data": {"text": "rain", "consent": "a" * 11}},
            {"data": {"text": "rain"}, "files": {"consent": b"a" * 11}},
        ):
            got = served.client.post("/v1/check", **given)
            assert got.status_code == 413 and "record of consent is too large" in got.json()["detail"]


FORMS = {
    "json": ({"json": {"text": "rain"}}, 422),
    "nothing": ({}, 422),
    "no form": (
        {"content": b"\xff\xfe", "headers": {"content-type": "multipart/form-data; boundary=x"}},
        400,
    ),
    "no boundary": ({"content": b"text=rain", "headers": {"content-type": "multipart/form-data"}}, 400),
    "fields": ({"data": {f"field{number}": "x" for number in range(2000)}, "files": {"a": b""}}, 400),
    "file as text": ({"files": {"text": ("a.txt", b"rain")}}, 422),
    "text as file": ({"data": {"text": "rain", "reference": "no file"}}, 422),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_form_that_makes_no_sense_is_refused_in_a_sentence(serving, name):
    given, status = FORMS[name]
    with serving(words=True) as served:
        got = served.client.post(GENERATE, **given)
    assert got.status_code == status and isinstance(got.json()["detail"], str)
    assert served.studio.begun == []


def test_a_text_of_any_signs_is_answered(serving):
    texts = [
        "\x00",
        "\x1b[31m",
        "\ud83d\ude00",
        "ﷺ" * 100,
        "a\u0301" * 50,
        "\u202e",
        "<script>",
        "%s %n",
        "🤟🏽",
    ]
    with serving() as served:
        for text in texts:
            body = {"text": text.encode("utf-8", "surrogatepass")}
            got = served.client.post("/v1/check", data=body)
            assert got.status_code in (200, 422) and got.json(), text


def test_a_picture_that_no_decoder_ends_is_a_refusal(studio):
    from signvip_serve.pictures import open_picture

    with pytest.raises(DataError, match="damaged or no picture"):
        open_picture(png(64, 64, b"\0"), studio.limits)
