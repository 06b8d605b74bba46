"""Decoded frames as a player shows them: upright, with square pixels, in SDR, opaque."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, cast

import numpy as np
from av.sidedata.sidedata import Type
from av.video.format import VideoFormat
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from signvip.data.colours import needs_mapping, to_sdr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av import VideoFrame
    from av.sidedata.sidedata import SideData

_UNSPECIFIED, _LIMITED = 2, 1  # AVColorSpace, AVColorRange
_SD = (
    1280,
    576,
)  # width and height up to which players take a video that says nothing for BT.601, else for BT.709
_WHITE = 255


class Screen:
    """Turns frames of one video into (H, W, 3) uint8 RGB, the longer side at most `longest`."""

    def __init__(self, longest: int | None = None) -> None:
        self._longest = longest
        self._reformatter = VideoReformatter()
        self._size: tuple[int, int] | None = None  # width and height of the first frame, which all then have

    def show(self, frame: VideoFrame, aspect: float = 1.0) -> np.ndarray:
        """Return what is seen of a frame whose pixels are `aspect` times as wide as high."""
        self._size = self._size or self._fit(frame, aspect)
        return turned(self._colours(frame), frame)

    def _fit(self, frame: VideoFrame, aspect: float) -> tuple[int, int]:
        width, height = frame.width * aspect, float(frame.height)
        shrink = min(1.0, self._longest / max(width, height)) if self._longest else 1.0
        return max(1, round(width * shrink)), max(1, round(height * shrink))

    def _colours(self, frame: VideoFrame) -> np.ndarray:
        if _may_be_clear(frame.format.name):
            return on_white(self._convert(frame, "rgba"))
        if needs_mapping(frame.color_trc, frame.color_primaries):
            return to_sdr(self._convert(frame, "rgb48le"), frame.color_trc, frame.color_primaries)
        seen = self._convert(frame, "rgb24")
        if (
            frame.format.name.startswith("gray") and frame.color_range == _LIMITED
        ):  # taken for full by swscale
            return ((seen.astype(np.float32) - 16) * (255 / 219)).round().clip(0, 255).astype(np.uint8)
        return seen

    def _convert(self, frame: VideoFrame, form: str) -> np.ndarray:
        assert self._size is not None
        large = frame.width >= _SD[0] or frame.height > _SD[1]
        guess = Colorspace.ITU709 if large and frame.colorspace == _UNSPECIFIED else None
        how = Interpolation.AREA if self._longest else Interpolation.BILINEAR
        plain = self._reformatter.reformat(
            frame, *self._size, format=form, src_colorspace=guess, interpolation=how, threads=1
        )
        return plain.to_ndarray()


@cache
def _may_be_clear(name: str) -> bool:
    form = VideoFormat(name)
    return form.has_palette or any(part.is_alpha for part in form.components)


def turned(seen: np.ndarray, frame: VideoFrame) -> np.ndarray:
    """Turn and mirror a picture as its frame's display matrix asks for (phones), by the nearest quarter."""
    matrix = cast("Mapping[Type, SideData]", frame.side_data).get(Type.DISPLAYMATRIX)
    if matrix is None:
        return seen
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32)[:5].tolist()  # x' = a x + c y, y' = b x + d y
    if abs(a) + abs(d) < abs(b) + abs(c):
        seen, a, d = seen.transpose(1, 0, 2), c, b
    return np.ascontiguousarray(seen[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1])


def on_white(seen: np.ndarray) -> np.ndarray:
    """Lay (H, W, 4) uint8 on white."""
    alpha = seen[..., 3:].astype(np.float32) / 255
    return (seen[..., :3] * alpha + _WHITE * (1 - alpha)).round().astype(np.uint8)
