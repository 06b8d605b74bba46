"""The signer in a corner of a film's frames: the planes of brightness and colour beside it stay as they were."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from av import VideoFrame
from av.video.reformatter import VideoReformatter

from signvip.data.screen import turned
from signvip.errors import DataError
from signvip.origin.marking import Marker

Corner = Literal["tl", "tr", "bl", "br"]
MARGIN = 0.02  # of the film's height


@dataclass(frozen=True)
class Box:
    """Where the inset is in the film, in pixels; all numbers are even, as colours have half the size."""

    left: int
    top: int
    width: int
    height: int


def place(corner: Corner, scale: float, film: tuple[int, int], signer: tuple[int, int], aspect: float) -> Box:
    """Return the inset for the sizes (H, W) of film and signer; a pixel is `aspect` times as wide as high."""
    height, width = _even(film[0] * scale), _even(film[0] * scale * signer[1] / signer[0] / aspect)
    across, down = _even(film[0] * MARGIN / aspect), _even(film[0] * MARGIN)
    if width > film[1] or height > film[0] or min(width, height) < 2:
        raise DataError(
            f"A signer of {width}x{height} pixels does not fit into a film of {film[1]}x{film[0]}; choose another "
            "--scale."
        )
    across, down = min(across, _even(film[1] - width)), min(down, _even(film[0] - height))
    left = across if corner.endswith("l") else _even(film[1] - width - across)
    top = down if corner.startswith("t") else _even(film[0] - height - down)
    return Box(left, top, width, height)


class Painter:
    """Makes the film's frames upright and 8 bits deep, and lays the signer over them."""

    def __init__(self, corner: Corner, scale: float, aspect: float, marker: Marker | None) -> None:
        self._corner, self._scale, self._aspect, self._marker = corner, scale, aspect, marker
        self._film, self._signer = VideoReformatter(), VideoReformatter()
        self.part: dict[str, float] | None = None  # of the frame, as fractions, once the signer was seen

    def paint(self, frame: VideoFrame, signer: np.ndarray | None, seconds: float) -> VideoFrame:
        """Return a new frame with the signer (H, W, 3) uint8 RGB in its corner."""
        odd = frame.width % 2 or frame.height % 2  # x264 takes these only with colours at full size
        pixels = "yuv444p" if odd else "yuv420p"
        plain = self._film.reformat(frame, format=pixels, threads=1)
        film = [np.array(turned(plane[..., None], frame)[..., 0]) for plane in planes_of(plain)]
        if signer is not None:
            for plane, values in zip(film, self._planes(film[0].shape, signer, seconds, plain), strict=True):
                part = film[0].shape[0] // plane.shape[0]
                top, left = self._box.top // part, self._box.left // part
                plane[top : top + values.shape[0], left : left + values.shape[1]] = values
        return frame_of(film, pixels)

    def _planes(
        self, film: tuple[int, ...], signer: np.ndarray, seconds: float, like: VideoFrame
    ) -> list[np.ndarray]:
        """The signer at the size of the inset, marked, in the film's colours."""
        height, width = film
        self._box = box = place(self._corner, self._scale, (height, width), signer.shape[:2], self._aspect)
        self.part = {
            "left": box.left / width,
            "top": box.top / height,
            "width": box.width / width,
            "height": box.height / height,
        }
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(signer), format="rgb24")
        small = picture.reformat(width=box.width, height=box.height, interpolation="BICUBIC").to_ndarray()
        if self._marker is not None:
            small = self._marker.mark_at(small[None], np.array([seconds]))[0]
        seen = self._signer.reformat(
            VideoFrame.from_ndarray(small, format="rgb24"),
            format=like.format.name,
            dst_colorspace=like.colorspace if like.colorspace in _MATRICES else None,
            dst_color_range=like.color_range or None,
            threads=1,
        )
        return planes_of(seen)


_MATRICES = (1, 5, 6, 7, 9)  # AVColorSpace that swscale converts to


def planes_of(frame: VideoFrame) -> list[np.ndarray]:
    """Return copies of the planes of a frame with 8 bits a sample."""
    rows = (
        np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size) for plane in frame.planes
    )
    return [values[:, : plane.width].copy() for values, plane in zip(rows, frame.planes, strict=True)]


def frame_of(planes: list[np.ndarray], pixels: str) -> VideoFrame:
    """Make a frame of planes with 8 bits a sample."""
    height, width = planes[0].shape
    frame = VideoFrame(width, height, pixels)
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : values.shape[1]] = values
        plane.update(padded.tobytes())
    return frame


def _even(size: float) -> int:
    return int(size) // 2 * 2
