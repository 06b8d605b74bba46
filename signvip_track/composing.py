"""Film in, film out: its frames at their times with the signer, and its sound as it was coded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import av
import numpy as np
from av import VideoFrame

from signvip.data.decoding import all_frames, aspect_of, opened
from signvip.data.provenance import NOTICE
from signvip.errors import DataError
from signvip.storage.files import replacing

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream

    from signvip.origin.marking import Marker
    from signvip_track.inset import Painter
    from signvip_track.signer import Signer

Track = Literal["inset", "stream", "file"]
"""The signer in a corner of the film, as a second stream of its file, or alone in a file as long as the film."""
CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
_CRF = "18"


@dataclass(frozen=True)
class Film:
    """What is known of a film before it is decoded; `end` in seconds as a player counts, None where nothing says."""

    video: int  # the number of the stream that players show
    sounds: tuple[int, ...]
    aspect: float  # width of a pixel in its heights
    end: float | None
    left_out: tuple[str, ...]  # kinds of streams that the output does not take over


def look_at(film: Path) -> Film:
    """Open a film; DataError where it is none."""
    with opened(film) as (container, shown):
        others = [stream for stream in container.streams if stream.index != shown.index]
        sounds = tuple(stream.index for stream in others if stream.type == "audio")
        left_out = tuple(stream.type for stream in others if stream.type != "audio")
        return Film(shown.index, sounds, aspect_of(shown), _end(container, shown), left_out)


def compose(
    film: Path,
    about: Film,
    output: Path,
    *,
    track: Track,
    signer: Signer,
    painter: Painter,
    marker: Marker | None,
    blank: np.ndarray,
    language: str | None,
    seal: Callable[[Path], None],
    progress: Callable[[float], None],
) -> list[float]:
    """Write the film with its signed track, whole or not at all, and return the seconds of its frames.

    `blank` (H, W, 3) is what a stream of its own shows where no signer is seen. `progress` gets seconds.
    """
    with replacing(output) as temporary, _refused(output):
        with (
            av.open(str(film), metadata_errors="replace") as source,
            av.open(str(temporary), "w", format=CONTAINERS[output.suffix.lower()]) as target,
        ):
            target.metadata["comment"] = NOTICE
            copied = _Copied(source, target)
            copied.take([about.video] if track == "stream" else [])  # players show the first video
            encoder = _Encoder(
                target, cast("VideoStream", source.streams[about.video]), tagged=track == "inset"
            )
            copied.take([] if track == "file" else about.sounds)
            times: list[float] = []
            for seconds, frame in _frames(film):
                seen = signer.at(seconds)
                if track == "inset":
                    made = painter.paint(frame, seen, seconds)
                else:
                    made = _alone(blank if seen is None else seen, marker, seconds)
                if not times and track != "inset":
                    encoder.stream.metadata.update(
                        {"title": "Signing, generated", "language": language or "sgn"}
                    )
                encoder.start(made)
                copied.until(seconds)
                encoder.write(made, seconds)
                progress(seconds)
                times.append(seconds)
            copied.until(float("inf"))
            encoder.finish()
        seal(temporary)
    return times


def _frames(film: Path) -> Iterator[tuple[float, VideoFrame]]:
    """Give (seconds, frame); what goes wrong here is the film's fault, and nothing else is."""
    with opened(film) as (container, shown):
        yield from all_frames(container, shown, film)


class _Encoder:
    """One h264 stream with the times and colours of the film's."""

    def __init__(self, target: OutputContainer, like: VideoStream, tagged: bool) -> None:
        self._target, self._base = target, like.time_base
        assert self._base is not None
        rate = like.average_rate or like.guessed_rate or 25
        self.stream: VideoStream = target.add_stream("libx264", rate=rate, options={"crf": _CRF})
        self.stream.time_base = self.stream.codec_context.time_base = self._base
        if tagged:
            context, source = self.stream.codec_context, like.codec_context
            for name in ("colorspace", "color_primaries", "color_trc", "color_range"):
                setattr(context, name, getattr(source, name))
            if like.sample_aspect_ratio:
                context.sample_aspect_ratio = like.sample_aspect_ratio
        self._started, self._last = False, -1

    def start(self, frame: VideoFrame) -> None:
        """Take size and form of the first frame."""
        if not self._started:
            self.stream.width, self.stream.height, self.stream.pix_fmt = (
                frame.width,
                frame.height,
                frame.format.name,
            )
            self._started = True

    def write(self, frame: VideoFrame, seconds: float) -> None:
        assert self._base is not None
        self._last = max(round(seconds / float(self._base)), self._last + 1)
        frame.pts, frame.time_base = self._last, self._base
        self._target.mux(self.stream.encode(frame))

    def finish(self) -> None:
        self._target.mux(self.stream.encode())


class _Copied:
    """Streams whose packets go over as they are, a little ahead of the frames that are encoded."""

    def __init__(self, source: InputContainer, target: OutputContainer) -> None:
        self._source, self._target, self._zero = source, target, (source.start_time or 0) / 1e6
        self._streams: dict[int, Any] = {}
        self._packets: Iterator[Packet[Any]] | None = None
        self._waiting: Packet[Any] | None = None

    def take(self, numbers: Sequence[int]) -> None:
        """Add streams of the film to the output."""
        for number in numbers:
            stream = self._source.streams[number]
            self._streams[number] = self._target.add_stream_from_template(stream)
            self._streams[number].metadata.update(stream.metadata)

    def until(self, seconds: float) -> None:
        """Write what is due before a time."""
        for packet in self._due(seconds):
            base = float(packet.time_base)
            shift = round(self._zero / base)
            packet.stream = self._streams[packet.stream.index]
            packet.pts = None if packet.pts is None else packet.pts - shift
            packet.dts = None if packet.dts is None else packet.dts - shift
            self._target.mux(packet)

    def _due(self, seconds: float) -> Iterator[Packet[Any]]:
        if self._packets is None:
            chosen = [self._source.streams[number] for number in self._streams]
            self._packets = iter(self._source.demux(chosen)) if chosen else iter(())
        while True:
            packet = self._waiting or next(self._packets, None)
            self._waiting = None
            if packet is None:
                return
            if not packet.size:  # a mark of the end
                continue
            due = packet.pts if packet.dts is None else packet.dts
            if due is not None and due * float(packet.time_base) - self._zero > seconds:
                self._waiting = packet
                return
            yield packet


def _alone(signer: np.ndarray, marker: Marker | None, seconds: float) -> VideoFrame:
    """The signer as a frame of a stream of its own, marked."""
    if marker is not None:
        signer = marker.mark_at(signer[None], np.array([seconds]))[0]
    picture = VideoFrame.from_ndarray(np.ascontiguousarray(signer), format="rgb24")
    return picture.reformat(format="yuv420p")


def _end(container: InputContainer, shown: VideoStream) -> float | None:
    zero = (container.start_time or 0) / 1e6
    if shown.duration and shown.time_base:
        return float(((shown.start_time or 0) + shown.duration) * shown.time_base) - zero
    return container.duration / 1e6 if container.duration else None


@contextmanager
def _refused(output: Path) -> Iterator[None]:
    """DataError where a container cannot hold what the film has."""
    try:
        yield
    except (av.error.FFmpegError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"The film's streams cannot be written to {output.name} ({reason}); try "
            f"-o {output.with_suffix('.mkv').name}."
        ) from error
