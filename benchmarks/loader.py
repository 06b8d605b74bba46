"""Speed of loading frames of a clip: decoded forward and once, against a seek for every frame.

    python benchmarks/loader.py --output loader.json

Frames are compared before anything is timed. `predicted` is the number of frames that each side decodes: a seek
lands on the key frame before, and x264 puts one every 250 frames where nobody asks for more.
"""

from __future__ import annotations

import io

import av
import numpy as np
import torch
from compare import arguments, compare, report

from signvip.data.video import encode_video, read_video


def clip(frames: int, size: tuple[int, int]) -> bytes:
    """Return a moving texture: (F, H, W, 3) as mp4."""
    random = np.random.default_rng(0)
    height, width = size
    picture = np.kron(random.integers(0, 255, (height // 8, width // 8, 3)), np.ones((8, 8, 1)))
    moved = [np.roll(picture, 2 * i, axis=1) + random.normal(0, 3, picture.shape) for i in range(frames)]
    return encode_video(np.clip(moved, 0, 255).astype(np.uint8), 25.0)


def seek_each(video: bytes, picks: range) -> np.ndarray:
    """Read frames in the usual way: for each go to its time, and decode from the key frame before."""
    found = []
    with av.open(io.BytesIO(video)) as container:
        stream = container.streams.video[0]
        for index in picks:
            time = int(index / stream.average_rate / stream.time_base)
            container.seek(time, stream=stream)
            found.append(next(frame for frame in container.decode(stream) if frame.pts >= time))
    return np.stack([frame.to_ndarray(format="rgb24") for frame in found])


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--frames", type=int, default=116, help="length of the clip; PHOENIX-2014T has about 116"
    )
    parser.add_argument("--picks", type=int, default=24, help="frames that a training step wants")
    parser.add_argument("--size", type=int, nargs=2, default=(272, 224), metavar=("H", "W"))
    options = parser.parse_args()
    video = clip(options.frames, tuple(options.size))
    stride = options.frames // options.picks
    rows = {}
    for name, step in (("apart", stride), ("in a row, from the middle", 1)):
        first = 0 if step > 1 else (options.frames - options.picks) // 2
        picks = range(first, first + step * options.picks, step)
        row = compare(
            lambda picks=picks: [torch.from_numpy(read_video(video, picks.start, picks.stop, picks.step)[0])],
            lambda picks=picks: [torch.from_numpy(seek_each(video, picks))],
            options.repeats,
            tolerance=2.0,  # of 255: the two sides convert YUV to RGB by different scalers
        )
        rows[f"{options.picks} of {options.frames} frames, {name}"] = {
            "predicted": sum(index + 1 for index in picks) / (picks[-1] + 1),
            **row,
        }
    report(rows, options)


if __name__ == "__main__":
    main()
