"""Footage of real corpora: decoded once and forward, at a fixed rate, no larger than is of use."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from av.video.reformatter import VideoReformatter
from PIL import Image, UnidentifiedImageError

from signvip.data.files import is_hidden
from signvip.data.video import decoded, opened, upright
from signvip.errors import DataError

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.stream import VideoStream

VIDEOS = (".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".mpg", ".gif")
PICTURES = (".png", ".jpg", ".jpeg")
_TIE = 1e-6  # seconds: what is due in the very middle of two frames is the earlier
_TICK = 0.01  # seconds: what is due so shortly before the end is due to a container that rounds its times
_FAR = 2.0  # seconds: a later start is looked for from the key frame before it

Frame = TypeVar("Frame")


def read_footage(
    path: Path,
    fps: float,
    *,
    longest: int,
    picture_fps: float | None = None,
    start: float = 0.0,
    end: float | None = None,
) -> np.ndarray:
    """A video, or a folder of pictures, as (F, H, W, 3) uint8 RGB at `fps`; the longer side is at most `longest`.

    For every 1/fps of a second the frame that is nearest in time, never a blend, so that variable rates come out even.
    `start` and `end` are in seconds; an end past the video's own is that. `picture_fps` is the rate of a folder.
    DataError where nothing can be decoded, or the video is cut short.
    """
    make = _pictures if path.is_dir() else _video
    frames = list(make(path, fps, longest, picture_fps or fps, start, end))
    if not frames:
        raise DataError(f"{path} ends before {start:g} s, where this clip begins; leave it out.")
    if len({frame.shape for frame in frames}) > 1:
        raise DataError(f"{path} has pictures of different sizes; make them equal, or leave this clip out.")
    return np.stack(frames)


def _video(
    path: Path, fps: float, longest: int, _: float, start: float, end: float | None
) -> Iterator[np.ndarray]:
    with opened(path) as container:
        stream = container.streams.video[0]
        reformatter, size = VideoReformatter(), None
        for frame in evenly(_timed(container, stream, path, start), fps, start, end):
            size = size or _shown(frame, stream, longest)
            plain = reformatter.reformat(frame, *size, format="rgb24", interpolation="AREA", threads=1)
            yield upright(plain.to_ndarray(), frame.rotation)


def _timed(
    container: InputContainer, stream: VideoStream, path: Path, start: float
) -> Iterator[tuple[float, VideoFrame]]:
    """Frames with their seconds since the first; from the key frame before `start` where that is late."""
    zero = float((stream.start_time or 0) * (stream.time_base or 0))
    if start > _FAR:
        container.seek(round((start + zero) / float(stream.time_base or 1)), stream=stream)
    for frame in decoded(container, stream, str(path), whole=start <= _FAR):
        yield float(frame.time or 0.0) - zero, frame


def _shown(frame: VideoFrame, stream: VideoStream, longest: int) -> tuple[int, int]:
    """Width and height as a player shows them, the longer at most `longest`."""
    width, height = frame.width * float(stream.sample_aspect_ratio or 1), float(frame.height)
    shrink = min(1.0, longest / max(width, height))
    return max(1, round(width * shrink)), max(1, round(height * shrink))


def _pictures(
    path: Path, fps: float, longest: int, picture_fps: float, start: float, end: float | None
) -> Iterator[np.ndarray]:
    files = sorted(
        (file for file in path.iterdir() if file.suffix.lower() in PICTURES and not is_hidden(file.name)),
        key=lambda file: _natural(file.name),
    )
    if not files:
        raise DataError(f"{path} holds no pictures ({', '.join(PICTURES)}); leave this clip out.")
    timed = ((number / picture_fps, file) for number, file in enumerate(files))
    yield from (_picture(file, longest) for file in evenly(timed, fps, start, end))


def _picture(path: Path, longest: int) -> np.ndarray:
    try:
        with Image.open(path) as image:
            shrink = min(1.0, longest / max(image.size))
            width, height = (max(1, round(side * shrink)) for side in image.size)
            return np.asarray(image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC))
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        raise DataError(f"{path} is damaged or no picture; leave this clip out.") from error


def evenly(
    timed: Iterable[tuple[float, Frame]], fps: float, start: float, end: float | None
) -> Iterator[Frame]:
    """For each time start + k/fps the nearest of (seconds, frame); the last is shown as long as the one before it."""
    due = (start + number / fps for number in itertools.count())
    now, gap = next(due), 1 / fps
    before: tuple[float, Frame] | None = None
    for time, frame in timed:
        if before is not None:
            gap = time - before[0]
            while now <= before[0] + gap / 2 + _TIE:
                if end is not None and now >= end - _TIE:
                    return
                yield before[1]
                now = next(due)
        before = time, frame
    if before is None:
        return
    stop = before[0] + gap - min(_TICK, 0.4 / fps)
    while now < (stop if end is None else min(stop, end - _TIE)):
        yield before[1]
        now = next(due)


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers by value: image2 before image10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
