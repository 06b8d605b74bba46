"""Footage that tests write: grey pictures whose brightness tells which frame they are."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from PIL import Image

SIZE = (24, 32)


def picture(number, size=SIZE):
    return np.full((*size, 3), 10 + 8 * number, np.uint8)


def numbers(frames):
    """Which frames these are."""
    return [round((float(frame.mean()) - 10) / 8) for frame in frames]


def write_video(path, frames=12, rate=12, times=None, size=SIZE, codec="libx264", pixels="yuv420p"):
    """Write a video whose frames are shown at the given times, in ticks of 1/rate."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width, stream.pix_fmt = *size, pixels
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, size), format="rgb24")
            frame.pts, frame.time_base = times[number] if times else number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_pictures(path, frames=12, name="images{:04d}.png", size=SIZE):
    """Write a folder of numbered pictures."""
    path.mkdir(parents=True, exist_ok=True)
    for number in range(frames):
        Image.fromarray(picture(number, size)).save(path / name.format(number + 1))
    return path
