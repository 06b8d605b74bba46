"""Reading a stranger's picture."""

from __future__ import annotations

import io

from PIL import Image

from signvip.data.reference_picture import SMALLEST
from signvip.errors import DataError
from signvip_serve.limits import Limits

FORMATS = ("PNG", "JPEG", "WEBP")


def open_picture(content: bytes, limits: Limits) -> Image.Image:
    """Decode a picture; DataError for one of another format, of too many pixels, of too few, or cut short."""
    try:
        picture: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
        _check_size(picture, limits)  # told by the first bytes, before anything is decoded
        picture.load()
    except DataError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_large("far too many", limits) from error
    except Exception as error:  # Pillow's plugins raise a dozen kinds for bytes that make no sense
        raise DataError(
            "The reference is damaged or no picture; give a PNG, JPEG or WebP of the signer."
        ) from error
    return picture


def _check_size(picture: Image.Image, limits: Limits) -> None:
    if picture.width * picture.height > limits.picture_pixels:
        raise _too_large(f"{picture.width}x{picture.height}", limits)
    if min(picture.size) < SMALLEST:
        raise DataError(
            f"The picture has {picture.width}x{picture.height} pixels; give one of at least {SMALLEST}x{SMALLEST}."
        )


def _too_large(pixels: str, limits: Limits) -> DataError:
    most = limits.picture_pixels // 10**6
    return DataError(f"The picture has {pixels} pixels; give one of at most {most} million.")


def plain_picture() -> bytes:
    """Return a grey picture, which shows nobody."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (150, 150, 150)).save(buffer, "PNG")
    return buffer.getvalue()
