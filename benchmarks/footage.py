"""Reading clips against PyAV alone, and two workers against one.

    python benchmarks/footage.py --output footage.json

A clip of 1280x720 and a corpus are made for the purpose. Reading at full size and rate must give the pixels that PyAV
gives, and is timed in CPU seconds; workers are timed by the clock, so the machine should have nothing else to do.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import av
import numpy as np
import torch
from compare import Row, arguments, compare, report

import signvip
from signvip.config import load_config
from signvip.data.executors import Processes
from signvip.data.footage import read_footage
from signvip.data.preprocess import preprocess
from signvip.data.sample import Recipe
from signvip.data.tasks import TIME_LIMIT
from signvip.data.video import encode_video

FRAMES, SIZE, FPS = 48, (720, 1280), 24.0
CLIPS = 48


def main() -> None:
    options = arguments(__doc__).parse_args()
    rows = {
        "reading a clip at full size against PyAV": {"predicted": 1.0, **decoding(options.repeats)},
        "preprocessing by two workers against one": {"predicted": 2.0, **workers(options.repeats)},
    }
    report(rows, options)


def decoding(repeats: int) -> Row:
    """CPU seconds of PyAV alone over ours: at least 0.77 is wanted, that is, ours at 1.3 times at most."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        path.write_bytes(encode_video(_moving(), FPS))

        def ours() -> list[torch.Tensor]:
            return [torch.from_numpy(read_footage(path, FPS, longest=max(SIZE)))]

        def pyav() -> list[torch.Tensor]:
            with av.open(str(path)) as container:
                container.streams.video[0].codec_context.thread_count = 1
                frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
            return [torch.from_numpy(np.stack(frames))]

        return compare(ours, pyav, repeats)


def workers(repeats: int) -> Row:
    """Seconds by the clock of one worker over two."""
    config = load_config("tiny")
    reader = signvip.build("dataset", "toysign", size=(256, 256), fps=config.fps, train=CLIPS, dev=0, test=0)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        for count in seconds:
            with tempfile.TemporaryDirectory() as folder:
                recipe = Recipe.of(reader, config.model_copy(update={"size": (256, 256)}))
                begin = time.perf_counter()
                preprocess(recipe, Path(folder), executor=Processes(count, TIME_LIMIT))
                seconds[count].append(time.perf_counter() - begin)
    return {
        "ours": min(seconds[2]),
        "baseline": min(seconds[1]),
        "measured": min(seconds[1]) / min(seconds[2]),
    }


def _moving() -> np.ndarray:
    """Smooth noise that drifts: neither empty, which decodes at once, nor white, which no camera sees."""
    random = np.random.default_rng(0)
    coarse = torch.from_numpy(random.uniform(0, 255, (1, 3, 40, 60)).astype(np.float32))
    picture = torch.nn.functional.interpolate(coarse, SIZE, mode="bicubic").clamp(0, 255)
    still = picture[0].permute(1, 2, 0).to(torch.uint8).numpy()
    return np.stack([np.roll(still, 3 * frame, axis=1) for frame in range(FRAMES)])


if __name__ == "__main__":
    main()
