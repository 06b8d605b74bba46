"""The reference picture: any size and format in, the frame that training would have seen out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from signvip.data.pictures import as_seen, read_picture
from signvip.errors import DataError

Source = Image.Image | np.ndarray | str | Path
SMALLEST = 8  # pixels; less cannot show anybody
_ADVICE = "give another picture, a PNG or JPEG of the signer"


def load_reference(source: Source, size: tuple[int, int]) -> np.ndarray:
    """Read as an image viewer shows it, crop to the middle and scale: (H, W, 3) uint8 of `size` (H, W).

    DataError for a picture that is missing, cut short, no picture, or too small to show anybody.
    """
    picture = _open(source)
    if min(picture.size) < SMALLEST:
        raise DataError(
            f"{_name(source)} is {picture.width}x{picture.height} pixels; give a picture of the signer of at least "
            f"{SMALLEST}x{SMALLEST}."
        )
    height, width = size
    return np.asarray(ImageOps.fit(picture, (width, height), Image.Resampling.LANCZOS))


def read_reference(source: Source) -> np.ndarray:
    """Read as an image viewer shows it, at its own size: (H, W, 3) uint8."""
    return np.asarray(_open(source))


def _open(source: Source) -> Image.Image:
    if isinstance(source, np.ndarray):
        return as_seen(_from_array(source))
    if isinstance(source, Image.Image):
        return _seen(source)
    if isinstance(source, str | Path):
        return read_picture(source, _ADVICE)
    raise DataError(
        f"The reference is a {type(source).__name__}; give one picture: a path, an image of Pillow, or an array "
        "(H, W, 3)."
    )


def _seen(picture: Image.Image) -> Image.Image:
    try:
        return as_seen(picture)
    except (OSError, SyntaxError, ValueError) as error:  # Pillow reads a file no sooner than now
        raise DataError(f"The reference is damaged or closed ({error}); {_ADVICE}.") from error


def _from_array(values: np.ndarray) -> Image.Image:
    """Bytes, or floats in [0, 1] as the pipeline gives them: (H, W), (H, W, 3), or (H, W, 4) with transparency."""
    numbers = np.issubdtype(values.dtype, np.number) or values.dtype == bool
    if (
        not numbers
        or values.ndim not in (2, 3)
        or values.shape[2:] not in ((), (1,), (3,), (4,))
        or 0 in values.shape
    ):
        raise DataError(
            f"The reference is {values.shape} {values.dtype}; give (H, W, 3), bytes or floats in [0, 1]."
        )
    if values.dtype != np.uint8:
        values = (_fractions(values) * 255).round().astype(np.uint8)
    return Image.fromarray(values[..., 0] if values.shape[2:] == (1,) else values)


def _fractions(values: np.ndarray) -> np.ndarray:
    """Return the same in [0, 1]; DataError for what is not a number, or is in 0 to 255 without being bytes."""
    if np.issubdtype(values.dtype, np.integer) and 0 <= values.min() and values.max() <= 255:
        return values / 255
    if values.dtype == bool:
        return values.astype(np.float64)
    floats = np.issubdtype(values.dtype, np.floating)
    if not floats or not np.isfinite(values).all() or values.min() < -_SLACK or values.max() > 1 + _SLACK:
        if np.issubdtype(values.dtype, np.complexfloating):
            raise DataError("The reference has complex numbers; give floats in [0, 1], or bytes.")
        low, high = values.min(), values.max()
        raise DataError(
            f"The reference has {values.dtype} from {low:g} to {high:g}; give floats in [0, 1], or bytes: "
            "picture.astype('uint8')."
        )
    return values.astype(np.float64).clip(0, 1)


_SLACK = 1e-3  # what rounding, or a network's output, may stand over


def _name(source: Source) -> str:
    return str(source) if isinstance(source, str | Path) else "The reference"
