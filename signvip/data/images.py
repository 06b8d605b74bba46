"""The reference picture: any size and format in, the frame that training would have seen out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from signvip.errors import DataError

Source = Image.Image | np.ndarray | str | Path
SMALLEST = 8  # pixels; less cannot show anybody


def load_reference(source: Source, size: tuple[int, int]) -> np.ndarray:
    """Read, turn by EXIF, lay on white, crop to the middle and scale: (H, W, 3) uint8 of `size` (H, W).

    DataError for a picture that is missing, cut short, no picture, or too small to show anybody.
    """
    picture = _flatten(_open(source))
    if min(picture.size) < SMALLEST:
        raise DataError(
            f"{_name(source)} is {picture.width}x{picture.height} pixels; give a picture of the signer of at least "
            f"{SMALLEST}x{SMALLEST}."
        )
    height, width = size
    return np.asarray(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS))


def _open(source: Source) -> Image.Image:
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return ImageOps.exif_transpose(source)
    try:
        with Image.open(source) as picture:
            picture.load()
            return ImageOps.exif_transpose(picture)
    except FileNotFoundError:
        raise DataError(f"There is no picture {source}; give the path of a picture of the signer.") from None
    except UnidentifiedImageError:
        raise DataError(
            f"{source} is no picture that can be read; give a PNG or JPEG of the signer."
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(f"{source} is too large ({error}); give a smaller picture.") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{source} is damaged ({error}); give another picture.") from error


def _from_array(values: np.ndarray) -> Image.Image:
    """Bytes, or floats in [0, 1] as the pipeline gives them."""
    if np.issubdtype(values.dtype, np.floating):
        values = (values.clip(0, 1) * 255).round().astype(np.uint8)
    try:
        return Image.fromarray(values)
    except TypeError as error:
        raise DataError(
            f"The reference is {values.shape} {values.dtype}; give (H, W, 3), bytes or floats in [0, 1]."
        ) from error


def _flatten(picture: Image.Image) -> Image.Image:
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (255, 255, 255, 255))
        picture = Image.alpha_composite(white, picture)
    if picture.mode.startswith("I"):  # 16 bits a channel, which `convert` would clip to white
        picture = Image.fromarray((np.asarray(picture) >> 8).astype(np.uint8))
    return picture.convert("RGB")


def _name(source: Source) -> str:
    return str(source) if isinstance(source, str | Path) else "The reference"
