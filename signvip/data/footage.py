"""Footage of real datasets: decoded once and forward, at a fixed rate, no larger than is of use."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from PIL import Image

from signvip.data.decoding import decoded
from signvip.data.pictures import read_picture
from signvip.data.screen import Screen
from signvip.errors import DataError
from signvip.storage.files import is_hidden

if TYPE_CHECKING:
    from av import VideoFrame

VIDEOS = (
    *(".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi", ".wmv", ".flv", ".ogv", ".gif"),
    *(".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".h264", ".264", ".h265", ".hevc"),
)
PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
_TIE = 1e-6  # seconds: where two frames are equally near to what is due, the earlier is taken
_TICK = 0.01  # seconds: what is due so shortly before the end is due to a container that rounds its times

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
    """Read a video or a folder of pictures as (F, H, W, 3) uint8 RGB at `fps`; the longer side is at most `longest`.

    For every 1/fps of a second the frame that a player shows then, never a blend, so that variable rates come out even.
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
    screen, timed = Screen(longest), decoded(path, start)
    first = next(timed, None)
    if first is not None:  # nothing is shown before it: sound may begin earlier, and so may a part
        shown = ((seconds, (frame, aspect)) for seconds, frame, aspect in itertools.chain([first], timed))
        for frame, aspect in evenly(shown, fps, max(start, first[0]), end, _lasts):
            yield screen.show(frame, aspect)


def _lasts(shown: tuple[VideoFrame, float]) -> float:
    """Seconds that a frame is shown, where its container says so; else 0."""
    return float((shown[0].duration or 0) * (shown[0].time_base or 0))


def _pictures(
    path: Path, fps: float, longest: int, picture_fps: float, start: float, end: float | None
) -> Iterator[np.ndarray]:
    files = sorted(
        (file for file in path.iterdir() if file.suffix.lower() in PICTURES and not is_hidden(file.name)),
        key=lambda file: _natural(file.name),
    )
    if not files:
        raise DataError(f"{path} holds no pictures ({', '.join(PICTURES)}); leave this clip out.")
    if (twins := _twins(files)) is not None:
        raise DataError(f"{path} has one frame twice ({twins[0]} and {twins[1]}); leave one of each.")
    timed = ((number / picture_fps, file) for number, file in enumerate(files))
    yield from (_picture(file, longest) for file in evenly(timed, fps, start, end))


def _twins(files: Iterable[Path]) -> tuple[str, str] | None:
    """Two pictures that differ by their endings alone: a frame in two formats would be shown twice as long."""
    seen: dict[str, str] = {}
    for file in files:
        if seen.setdefault(file.stem, file.name) != file.name:
            return seen[file.stem], file.name
    return None


def _picture(path: Path, longest: int) -> np.ndarray:
    image = read_picture(path, "leave this clip out")
    shrink = min(1.0, longest / max(image.size))
    width, height = (max(1, round(side * shrink)) for side in image.size)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def evenly(
    timed: Iterable[tuple[float, Frame]],
    fps: float,
    start: float,
    end: float | None,
    lasts: Callable[[Frame], float] | None = None,
) -> Iterator[Frame]:
    """For each time start + k/fps the frame that is on screen then, or is so within half a period.

    Frames come with the seconds at which they appear. The last is shown for as long as `lasts` says; where that is
    0 or unknown, for as long as the one before it.
    """
    due = (start + number / fps for number in itertools.count())
    now, gap = next(due), 1 / fps
    before: tuple[float, Frame] | None = None
    for time, frame in timed:
        if before is not None:
            gap = time - before[0]
            while now <= time - min(gap, 1 / fps) / 2 + _TIE:
                if end is not None and now >= end - _TIE:
                    return
                yield before[1]
                now = next(due)
        before = time, frame
    if before is None:
        return
    gap = (lasts(before[1]) if lasts is not None else 0.0) or gap
    stop = before[0] + gap - min(_TICK, 0.4 / fps)
    while now < (stop if end is None else min(stop, end - _TIE)):
        yield before[1]
        now = next(due)


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that sorts numbers by value (image2 before image10) and ignores case."""
    parts = re.split(r"(\d+)", name.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], name
