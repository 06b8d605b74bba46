"""Video in and out: h264 in mp4, decoded forward and once, written as frames come."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from signvip.data.decoding import all_frames, aspect_of, name_of, opened
from signvip.data.screen import Screen
from signvip.errors import DataError
from signvip.storage.files import replacing

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_BT601 = 6  # AVCOL_SPC_SMPTE170M: what swscale converts with; untagged, players take BT.709 from 720 lines on
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof", "flush_packets": "1"}


def read_video(
    source: str | Path | bytes,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    size: tuple[int, int] | None = None,
) -> tuple[np.ndarray, float]:
    """Decode frames[start:stop:step] as (F, H, W, 3) uint8 RGB, and the frames per second of the file.

    `size` (H, W) cuts off the padding of odd sizes. DataError where the file cannot be decoded to its end.
    """
    screen = Screen()
    with opened(source) as (container, stream):
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        wanted = itertools.islice(all_frames(container, stream, source), start, stop, step)
        aspect = aspect_of(stream)
        frames = [screen.show(frame, aspect) for _, frame in wanted]
    if not frames:
        raise DataError(f"{name_of(source)} has no frame from {start} on; give a video that is longer.")
    height, width = size or frames[0].shape[:2]
    return np.stack([frame[:height, :width] for frame in frames]), fps


def read_comment(source: str | Path | bytes) -> str | None:
    """Return the comment that a video was written with; DataError where it is not a video."""
    with opened(source) as (container, _):
        return container.metadata.get("comment")


class VideoWriter(AbstractContextManager["VideoWriter"]):
    """Write an mp4 that browsers play, whole or not at all; memory does not grow with its length.

    Odd sizes are padded by one row or column. `comment` is stored in the file: that it is generated. `seal` may change
    the finished file before it appears.
    """

    def __init__(
        self,
        path: str | Path,
        fps: float,
        crf: int = 18,
        comment: str | None = None,
        seal: Callable[[Path], None] | None = None,
    ) -> None:
        self.path = Path(path)
        self._context = self._open(fps, crf, comment, seal)

    def __enter__(self) -> VideoWriter:
        self._encoder = self._context.__enter__()
        return self

    def write(self, frames: np.ndarray) -> None:
        """Append frames (F, H, W, 3), or one (H, W, 3), uint8 RGB."""
        self._encoder.write(frames if frames.ndim == 4 else frames[None])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    @contextmanager
    def _open(
        self, fps: float, crf: int, comment: str | None, seal: Callable[[Path], None] | None
    ) -> Iterator[_Encoder]:
        with replacing(self.path) as temporary:
            encoder = _Encoder(str(temporary), fps, crf, comment, {"movflags": "+faststart"})
            try:
                yield encoder
                encoder.finish()
            finally:
                encoder.close()
            if not encoder.started:
                raise DataError(f"No frame was written to {self.path}; generate at least one.")
            if seal is not None:
                seal(temporary)


def write_video(path: str | Path, frames: np.ndarray, fps: float) -> None:
    """Write true or drawn frames (F, H, W, 3) uint8 RGB; what a model made goes through `signvip.origin.writing`."""
    with VideoWriter(path, fps) as video:
        video.write(frames)


def encode_video(frames: np.ndarray, fps: float, crf: int = 18, comment: str | None = None) -> bytes:
    """Encode frames (F, H, W, 3) uint8 RGB as the bytes of an mp4; equal frames give equal bytes."""
    buffer = io.BytesIO()
    encoder = _Encoder(buffer, fps, crf, comment, {})
    encoder.write(frames)
    encoder.finish()
    encoder.close()
    return buffer.getvalue()


def stream_video(
    parts: Iterable[np.ndarray], fps: float, crf: int = 18, comment: str | None = None
) -> Iterator[bytes]:
    """Encode parts (f, H, W, 3) uint8 RGB as they come, each to the next bytes of an mp4 that plays while it arrives.

    A fragment begins every half second, and no frame waits for one after it. Nothing is kept of what was yielded.
    """
    pieces = _Pieces()
    gop = {"g": str(max(1, round(fps / 2))), "tune": "zerolatency"}
    encoder = _Encoder(pieces, fps, crf, comment, _FRAGMENTS, gop)
    try:
        for part in parts:
            encoder.write(part)
            if made := pieces.take():
                yield made
        encoder.finish()
    finally:
        encoder.close()
    yield pieces.take()


class _Pieces:
    """Where a muxer writes to that looks at nothing it wrote."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def write(self, piece: bytes) -> int:
        self._kept += piece
        return len(piece)

    def take(self) -> bytes:
        """Return what was written since the last time."""
        taken, self._kept = bytes(self._kept), bytearray()
        return taken


class _Encoder:
    """One h264 stream in one mp4 container; its size is that of the first frame. `coding` are options of x264."""

    def __init__(
        self,
        target: Any,
        fps: float,
        crf: int,
        comment: str | None,
        options: dict[str, str],
        coding: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._container: OutputContainer = av.open(target, "w", format="mp4", options=options)
        if comment is not None:
            self._container.metadata["comment"] = comment
        self._rate = Fraction(fps).limit_denominator(1001)
        self._coding = {"crf": str(crf), **coding}
        self._stream: VideoStream | None = None

    @property
    def started(self) -> bool:
        return self._stream is not None

    def write(self, frames: np.ndarray) -> None:
        height, width = frames.shape[1:3]
        frames = np.pad(frames, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        stream = self._stream = self._stream or self._add_stream(*frames.shape[1:3])
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            self._container.mux(stream.encode(picture))

    def finish(self) -> None:
        if self._stream is not None:
            self._container.mux(self._stream.encode())

    def close(self) -> None:
        self._container.close()

    def _add_stream(self, height: int, width: int) -> VideoStream:
        options = {**self._coding, **_steady()}
        stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1  # x264 gives other bytes with other thread counts
        context.colorspace = context.color_primaries = context.color_trc = _BT601
        return stream


@cache
def _steady() -> dict[str, str]:
    """Return the options by which x264 gives equal bytes for equal frames: its AVX-512 code reads unwritten memory."""
    about = Path("/proc/cpuinfo")
    return {"x264-params": "asm=avx2"} if about.exists() and "avx512" in about.read_text() else {}
