"""Films of known colours and times in any container: what a player shows of them is known by their making."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from footage import picture

PATCHES = np.array(
    [
        [[200, 40, 40], [40, 200, 40], [40, 40, 200], [200, 200, 40]],
        [[128, 128, 128], [230, 180, 150], [16, 16, 16], [250, 250, 250]],
    ]
)
MATRICES = {"bt709": (1, 0.2126, 0.0722), "bt601": (6, 0.299, 0.114), "bt2020": (9, 0.2627, 0.0593)}
"""AVColorSpace, and the weights of red and blue."""
BACKWARDS = {"x264-params": "b-adapt=0:bframes=3:scenecut=0:keyint=8:min-keyint=8"}
"""Options of x264 with which frames are stored in another order than shown."""


def chart(square=16):
    """Eight patches as (H, W, 3)."""
    return PATCHES.repeat(square, 0).repeat(square, 1)


def patches(frame):
    """The colours of the eight patches as they are seen."""
    height, width = frame.shape[0] // 2, frame.shape[1] // 4
    return frame[height // 2 :: height, width // 2 :: width].astype(int)


def planes(rgb, matrix="bt601", full=False, bits=8):
    """Y, Cb and Cr by the formulas of the standards, of RGB in 0 to 255."""
    _, red, blue = MATRICES[matrix]
    values = rgb / 255
    y = values @ [red, 1 - red - blue, blue]
    chroma = (values[..., 2] - y) / 2 / (1 - blue), (values[..., 0] - y) / 2 / (1 - red)
    top, unit = 2**bits - 1, 2 ** (bits - 8)
    scaled = [y * top if full else (y * 219 + 16) * unit]
    scaled += [c * (top if full else 224 * unit) + 128 * unit for c in chroma]
    return [plane.round().clip(0, top).astype(np.uint8 if bits == 8 else np.uint16) for plane in scaled]


def frame_of(arrays, pixels, **tags):
    """A frame of planes; chroma is taken from every second place where its plane is smaller."""
    height, width = arrays[0].shape
    frame = av.VideoFrame(width, height, pixels)
    for plane, values in zip(frame.planes, arrays, strict=False):
        values = values[:: round(height / plane.height), :: round(width / plane.width)]
        padded = np.zeros((plane.height, plane.line_size // values.itemsize), values.dtype)
        padded[:, : values.shape[1]] = values
        plane.update(padded.tobytes())
    for name, value in tags.items():
        setattr(frame, name, value)
    return frame


def film(path, frames, rate=10, codec="libx264", times=None, form=None, options=None, sound=False, **tags):
    """Write frames (of PyAV) at their times, in ticks of 1/rate; `sound` begins at 0."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format=form) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width, stream.pix_fmt = frames[0].height, frames[0].width, frames[0].format.name
        for name, value in tags.items():
            target = (
                stream
                if hasattr(type(stream), name) and name != "sample_aspect_ratio"
                else stream.codec_context
            )
            setattr(target, name, value)
        if sound:
            silence(container, len(frames) / rate + 1)
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = times[number] if times else number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def silence(container, seconds):
    """A track of sound that says nothing."""
    codec = {"matroska": "pcm_s16le", "mpegts": "mp2"}.get(container.format.name, "aac")
    stream = container.add_stream(codec, rate=16000)
    for number in range(int(seconds * 16000 / 1024)):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.int16), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, number * 1024, Fraction(1, 16000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def numbered(count, size=(24, 32), pixels="yuv420p"):
    """Grey frames whose brightness tells their number; `footage.numbers` reads it."""
    return [
        av.VideoFrame.from_ndarray(picture(number, size), format="rgb24").reformat(format=pixels)
        for number in range(count)
    ]
