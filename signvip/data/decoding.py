"""Videos decoded forward, each frame with the second at which a player shows it, whatever its container says.

Seconds count from where a player begins: the first time of any stream, sound among them.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
from av.codec import CodecContext
from av.stream import Disposition
from av.video.codeccontext import VideoCodecContext

from signvip.data.containers import missing_bytes
from signvip.data.deinterlacing import deinterlaced
from signvip.data.timing import Clock
from signvip.errors import DataError

if TYPE_CHECKING:
    from av import Packet, VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

    Timed = tuple[float, VideoFrame]

Source = str | Path | bytes
_LATE = 2.0  # seconds: a later start is looked for from the key frame before it
_REORDERED = 4  # frames that may be shown behind the one that was stored last
_SEEKABLE = ("mov", "matroska")  # whose index and key frames are kept by whoever writes them
_WITH_ALPHA = {
    "vp8": "libvpx",
    "vp9": "libvpx-vp9",
}  # what decodes the transparency that the usual decoders leave out


@contextmanager
def opened(source: Source) -> Iterator[tuple[InputContainer, VideoStream]]:
    """Open a video and the stream that players show; DataError where there is none, also while it is decoded."""
    try:
        file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
        with av.open(file, "r", metadata_errors="replace") as container:  # a title may be in any coding
            yield container, _shown_stream(container, source)
    except FileNotFoundError as error:
        raise DataError(f"There is no video {name_of(source)}; check the path.") from error
    except av.error.FFmpegError as error:
        raise DataError(damaged(source, error.strerror or str(error))) from error


def decoded(source: Source, start: float = 0.0) -> Iterator[tuple[float, VideoFrame, float]]:
    """Give (seconds, frame, aspect of its pixels) from `start` or before it; DataError where the file was cut.

    A seek is verified: where it lands behind `start`, the file is read from its beginning.
    """
    if start > _LATE:
        with opened(source) as (container, stream):
            frames = (
                _sought(container, stream, start) if container.format.name.startswith(_SEEKABLE) else iter(())
            )
            first = next(frames, None)
            if first is not None and first[0] <= start:
                aspect = aspect_of(stream)
                yield *first, aspect
                yield from ((*timed, aspect) for timed in frames)
                return
    with opened(source) as (container, stream):
        aspect = aspect_of(stream)
        yield from ((*timed, aspect) for timed in all_frames(container, stream, source))


def all_frames(container: InputContainer, stream: VideoStream, source: Source) -> Iterator[Timed]:
    """Give all frames of a file that was just opened, with their seconds."""
    counted, came, torn = 0, 0, 0

    def count(packet: Packet[VideoStream]) -> None:
        nonlocal counted
        counted += bool(packet.size)

    for seconds, frame in _frames(container, stream, count):
        came += 1
        torn = came if frame.is_corrupt else torn
        yield seconds, frame
    # packets are counted, since an edit list may drop frames rightly; other containers only guess how many there are
    if container.format.name.startswith("mov") and counted < stream.frames:
        raise DataError(damaged(source, f"{counted} of {stream.frames} frames are there"))
    if torn > max(
        1, came - _REORDERED
    ):  # in the middle, players show smears; the last is torn where a stream was cut
        raise DataError(damaged(source, "its last frame is not whole"))


def aspect_of(stream: VideoStream) -> float:
    """Width of a pixel in its heights."""
    return float(stream.sample_aspect_ratio or 1)


def name_of(source: Source) -> str:
    """Return the name of a source as a message quotes it."""
    return "This video" if isinstance(source, bytes) else str(source)


def damaged(source: Source, reason: str) -> str:
    """Return the error for a file that cannot be decoded to its end."""
    return (
        f"{name_of(source)} is cut short or no video ({reason}); give a whole file, or leave this clip out."
    )


def _shown_stream(container: InputContainer, source: Source) -> VideoStream:
    stream = cast("VideoStream | None", container.streams.best("video"))
    if stream is None or stream.disposition & Disposition.attached_pic:  # the cover of a sound file
        raise DataError(f"{name_of(source)} holds no video; give a video file.")
    if stream.codec_context is None:
        raise DataError(
            f"{name_of(source)} is in a codec that nothing here decodes; convert it, or leave this clip out."
        )
    if missing := missing_bytes(source):
        raise DataError(damaged(source, f"at least {missing} bytes are missing at its end"))
    return stream


def _sought(container: InputContainer, stream: VideoStream, start: float) -> Iterator[Timed]:
    try:
        container.seek(
            round((start + (container.start_time or 0) / 1e6) / float(stream.time_base or 1)), stream=stream
        )
    except av.error.FFmpegError:
        return iter(())
    return _frames(container, stream, lambda _: None)


def _frames(
    container: InputContainer, stream: VideoStream, seen: Callable[[Packet[VideoStream]], None]
) -> Iterator[Timed]:
    clock = Clock(container, stream)

    def timed() -> Iterator[Timed]:
        for packet in container.demux(stream):
            seen(packet)
            clock.see(packet)
            for frame in _decode(decoder, packet, clock.started):
                yield clock.seconds(frame), frame

    decoder = _decoder(stream)
    return deinterlaced(timed())


def _decoder(stream: VideoStream) -> VideoCodecContext:
    if stream.metadata.get("alpha_mode") == "1" and stream.codec_context.name in _WITH_ALPHA:
        decoder = CodecContext.create(_WITH_ALPHA[stream.codec_context.name], "r")
        assert isinstance(decoder, VideoCodecContext)
    else:
        decoder = stream.codec_context
    decoder.thread_count = 1  # worker processes share the cores already
    return decoder


def _decode(decoder: VideoCodecContext, packet: Packet[VideoStream], started: bool) -> list[VideoFrame]:
    """Return the frames of a packet, without what comes before the first decodable frame, as players do."""
    try:
        return decoder.decode(packet)
    except av.error.InvalidDataError:
        if started or not packet.size:
            raise
        return []
