"""Video in and out: h264 in mp4, decoded forward and once, written as frames come."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from signvip.data.files import replacing
from signvip.errors import DataError

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

_BT601 = 6  # AVCOL_SPC_SMPTE170M: what swscale converts with; untagged, players take BT.709 from 720 lines on
_CLOCK = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
_SLACK = 0.25  # seconds: of the last frame nobody knows how long it is shown


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
    wanted = range(start, stop if stop is not None else 2**31, step)
    with opened(source) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        frames = list(_decode(container, stream, wanted, _name(source)))
    if not frames:
        raise DataError(f"{_name(source)} has no frame from {start} on; give a video that is longer.")
    height, width = size or frames[0].shape[:2]
    return np.stack([frame[:height, :width] for frame in frames]), fps


def read_comment(source: str | Path | bytes) -> str | None:
    """The comment that a video was written with; DataError where it is no video."""
    with opened(source) as container:
        return container.metadata.get("comment")


class VideoWriter(AbstractContextManager["VideoWriter"]):
    """Write an mp4 that browsers play, whole or not at all; memory does not grow with its length.

    Odd sizes are padded by one row or column. `comment` is stored in the file: that it is generated.
    """

    def __init__(self, path: str | Path, fps: float, crf: int = 18, comment: str | None = None) -> None:
        self.path = Path(path)
        self._context = self._open(fps, crf, comment)

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
    def _open(self, fps: float, crf: int, comment: str | None) -> Iterator[_Encoder]:
        with replacing(self.path) as temporary:
            encoder = _Encoder(str(temporary), fps, crf, comment, {"movflags": "+faststart"})
            try:
                yield encoder
                encoder.finish()
            finally:
                encoder.close()
            if not encoder.started:
                raise DataError(f"No frame was written to {self.path}; generate at least one.")


def encode_video(frames: np.ndarray, fps: float, crf: int = 18, comment: str | None = None) -> bytes:
    """Encode frames (F, H, W, 3) uint8 RGB as the bytes of an mp4; equal frames give equal bytes."""
    buffer = io.BytesIO()
    encoder = _Encoder(buffer, fps, crf, comment, {})
    encoder.write(frames)
    encoder.finish()
    encoder.close()
    return buffer.getvalue()


class _Encoder:
    """One h264 stream in one mp4 container; its size is that of the first frame."""

    def __init__(
        self, target: Any, fps: float, crf: int, comment: str | None, options: dict[str, str]
    ) -> None:
        self._container: OutputContainer = av.open(target, "w", format="mp4", options=options)
        if comment is not None:
            self._container.metadata["comment"] = comment
        self._rate = Fraction(fps).limit_denominator(1001)
        self._crf = crf
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
        options = {"crf": str(self._crf), **_steady()}
        stream = self._container.add_stream("libx264", rate=self._rate, options=options)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        context = stream.codec_context
        context.thread_count = 1  # x264 gives other bytes with other thread counts
        context.colorspace = context.color_primaries = context.color_trc = _BT601
        return stream


@cache
def _steady() -> dict[str, str]:
    """Options with which x264 gives equal bytes for equal frames: its AVX-512 code reads memory that nobody wrote."""
    about = Path("/proc/cpuinfo")
    return {"x264-params": "asm=avx2"} if about.exists() and "avx512" in about.read_text() else {}


@contextmanager
def opened(source: str | Path | bytes) -> Iterator[InputContainer]:
    """Open a video to read; DataError where there is none, also for what goes wrong while it is decoded."""
    try:
        with av.open(io.BytesIO(source) if isinstance(source, bytes) else str(source), "r") as container:
            if not container.streams.video:
                raise DataError(f"{_name(source)} holds no video; give a video file.")
            if container.streams.video[0].codec_context is None:
                raise DataError(
                    f"{_name(source)} is in a codec that nothing here decodes; convert it, or leave this clip out."
                )
            if container.format.name == "gif" and not _tail(source).rstrip(b"\0\r\n").endswith(b";"):
                raise DataError(_damaged(source, "its end is missing"))
            yield container
    except FileNotFoundError as error:
        raise DataError(f"There is no video {_name(source)}; check the path.") from error
    except av.error.FFmpegError as error:
        raise DataError(_damaged(source, error.strerror or str(error))) from error


def decoded(
    container: InputContainer, stream: VideoStream, name: str, *, whole: bool = True
) -> Iterator[av.VideoFrame]:
    """Decode forward; DataError where a file that is read from its beginning (`whole`) was cut short."""
    stream.codec_context.thread_count = 1  # worker processes share the cores already
    packets, end = 0, 0.0
    for packet in container.demux(stream):
        if packet.size:
            packets += 1
            end = max(end, float((packet.pts or 0) + (packet.duration or 0)) * float(packet.time_base))
        yield from packet.decode()
    # A cut file ends early without an error; packets are counted, since an edit list may drop frames rightly.
    if whole and packets < stream.frames:
        raise DataError(_damaged(name, f"{packets} of {stream.frames} frames are there"))
    if end < (lasts := _stated(container, stream)) - _SLACK:
        raise DataError(_damaged(name, f"{end:.1f} of {lasts:.1f} s are there"))


def _stated(container: InputContainer, stream: VideoStream) -> float:
    """Seconds that a WebM or Matroska, which counts no frames, says this stream lasts; 0 where it says nothing."""
    if not container.format.name.startswith("matroska"):
        return 0.0
    if (found := _CLOCK.match(stream.metadata.get("DURATION", ""))) is not None:
        hours, minutes, seconds = map(float, found.groups())
        return 3600 * hours + 60 * minutes + seconds
    return (
        (container.duration or 0) / 1e6 if len(container.streams) == 1 else 0.0
    )  # else perhaps of the sound


def _decode(container: InputContainer, stream: VideoStream, wanted: range, name: str) -> Iterator[np.ndarray]:
    reformatter = VideoReformatter()
    for number, frame in enumerate(decoded(container, stream, name)):
        if number in wanted:
            plain = reformatter.reformat(frame, format="rgb24", threads=1)  # as where it is decoded
            yield upright(plain.to_ndarray(), frame.rotation)
        if number + 1 >= wanted.stop:
            return


def upright(frame: np.ndarray, rotation: int) -> np.ndarray:
    """Turn a frame as the file asks for (phones), in degrees against the clock."""
    return np.ascontiguousarray(np.rot90(frame, round(rotation / 90))) if rotation else frame


def _tail(source: str | Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source[-64:]
    with open(source, "rb") as file:
        file.seek(max(0, os.path.getsize(source) - 64))
        return file.read()


def _name(source: str | Path | bytes) -> str:
    return "This video" if isinstance(source, bytes) else str(source)


def _damaged(source: str | Path | bytes, reason: str) -> str:
    return f"{_name(source)} is cut short or no video ({reason}); give a whole file, or leave this clip out."
