"""A picture as an image viewer shows it: upright, opaque, in sRGB, the first of several. Everything reads by this."""

from __future__ import annotations

import io
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from signvip.errors import DataError

_PROGRAMS = ("EPS", "WMF")  # drawn by other programs, which a stranger's picture must not start
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC


def read_picture(path: str | Path, advice: str = "give another picture") -> Image.Image:
    """Read a picture file as RGB; DataError, which ends in `advice`, for one that is missing, cut short or none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is too large or cut becomes an error below
            with Image.open(path, formats=_formats()) as picture:
                picture.load()
                return as_seen(picture)
    except FileNotFoundError:
        raise DataError(f"There is no picture {path}; {advice}.") from None
    except UnidentifiedImageError:
        raise DataError(f"{path} is damaged or no picture that can be read; {advice}.") from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{path} is too large ({error}); {advice}.") from error
    except Exception as error:  # Pillow's plugins raise a dozen kinds for bytes that make no sense
        raise DataError(f"{path} is damaged or no picture ({_reason(error)}); {advice}.") from error


def as_seen(picture: Image.Image) -> Image.Image:
    """Turn by EXIF, lay on white, take the colour profile into account: an RGB picture of 8 bits."""
    picture, profile = _upright(picture), picture.info.get("icc_profile")
    if picture.mode.startswith(("I", "F")):
        picture = _eight_bits(picture)
    elif picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info:
        picture = _on_white(picture.convert("RGBA"))
    elif picture.mode == "LAB":
        return _transformed(
            picture, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        ) or picture.convert("L").convert("RGB")
    elif picture.mode not in ("RGB", "L", "CMYK"):
        picture = picture.convert("RGB")
    return (_profiled(picture, profile) if profile else None) or picture.convert("RGB")


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # EXIF that makes no sense: viewers show the picture as it is stored
        return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Scale greys of 16 or 32 bits, or floats, which `convert` would clip to white."""
    values = np.asarray(picture).astype(np.float64)
    top = 1.0 if picture.mode == "F" else 65535.0
    if values.max(initial=0) > top:
        top = 255.0 if picture.mode == "F" and values.max() <= 255 else float(values.max())
    return Image.fromarray((np.nan_to_num(values).clip(0, top) * (255 / top)).round().astype(np.uint8))


def _on_white(picture: Image.Image) -> Image.Image:
    white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, picture).convert("RGB")


def _profiled(picture: Image.Image, data: bytes) -> Image.Image | None:
    """Return the picture in sRGB; None where its profile is damaged or of other channels, which viewers ignore too."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    except (OSError, ImageCms.PyCMSError):
        return None
    return _transformed(picture, profile)


def _transformed(picture: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image | None:
    try:
        return ImageCms.profileToProfile(
            picture, profile, ImageCms.createProfile("sRGB"), renderingIntent=_INTENT, outputMode="RGB"
        )
    except (OSError, ValueError, ImageCms.PyCMSError):
        return None


@cache
def _formats() -> list[str]:
    Image.init()
    return [name for name in Image.OPEN if name not in _PROGRAMS]


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
