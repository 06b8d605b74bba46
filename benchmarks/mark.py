"""The mark in the pixels: which attacks it survives, what it costs, and what true clips look like to its detector.

    python benchmarks/mark.py --output mark.json --videos FOLDER

Clips are those of `toysign` and `lexicon` that no model is trained on, and the videos of a folder of real ones. Each
is marked, written as `generate` writes it, attacked, written again, and read blindly. True clips are read as they are,
under the key and under random other keys, for which they are as true.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image, ImageFilter

import signvip
from signvip.data.footage import read_footage
from signvip.data.picture_scores import psnr, ssim
from signvip.data.video import encode_video, read_video
from signvip.origin import detection
from signvip.origin.canvas import of_frames, of_video
from signvip.origin.detection import Mark, detect
from signvip.origin.marking import Marker
from signvip.origin.pattern import waves

Clip = tuple[np.ndarray, float]  # frames (F, H, W, 3) uint8, frames per second
SIDES = ("left", "top", "right", "bottom")
SECONDS = (0.5, 0.75, 1, 1.5, 2, 3)


def resized(frames: np.ndarray, factor: float = 0.0, size: tuple[int, int] = (0, 0)) -> np.ndarray:
    height, width = size if any(size) else (round(side * factor) for side in frames.shape[1:3])
    return np.stack(
        [np.asarray(Image.fromarray(f).resize((width, height), Image.Resampling.BICUBIC)) for f in frames]
    )


def cropped(frames: np.ndarray, part: float, sides: tuple[str, ...]) -> np.ndarray:
    height, width = frames.shape[1:3]
    down, across = round(height * part), round(width * part)
    return frames[
        :,
        down * ("top" in sides) : height - down * ("bottom" in sides),
        across * ("left" in sides) : width - across * ("right" in sides),
    ]


def brighter(frames: np.ndarray) -> np.ndarray:
    return np.clip(frames * 1.2 + 10, 0, 255).astype(np.uint8)


def blurred(frames: np.ndarray) -> np.ndarray:
    return np.stack([np.asarray(Image.fromarray(f).filter(ImageFilter.GaussianBlur(1))) for f in frames])


def attacks(side: str) -> dict[str, Callable[[np.ndarray, float], tuple[np.ndarray, float, int]]]:
    """Attacks by name: frames and rate in; frames, rate and crf out. `side` is where the crop of a tenth is."""
    return {
        "as written, crf 18": lambda f, fps: (f, fps, 0),
        "h264 crf 23": lambda f, fps: (f, fps, 23),
        "h264 crf 28": lambda f, fps: (f, fps, 28),
        "h264 crf 32": lambda f, fps: (f, fps, 32),
        "half, crf 23": lambda f, fps: (resized(f, 0.5), fps, 23),
        "half, crf 28": lambda f, fps: (resized(f, 0.5), fps, 28),
        "0.75, crf 23": lambda f, fps: (resized(f, 0.75), fps, 23),
        "1.5, crf 23": lambda f, fps: (resized(f, 1.5), fps, 23),
        "crop of a tenth, crf 23": lambda f, fps: (cropped(f, 0.1, (side,)), fps, 23),
        "crop of a tenth, crf 28": lambda f, fps: (cropped(f, 0.1, (side,)), fps, 28),
        "crop of a tenth, back to size, crf 28": lambda f, fps: (
            resized(cropped(f, 0.1, (side,)), size=f.shape[1:3]), fps, 28,
        ),
        "crop of a tenth and half, crf 23": lambda f, fps: (resized(cropped(f, 0.1, (side,)), 0.5), fps, 23),
        "a twentieth off every side, crf 28": lambda f, fps: (cropped(f, 0.05, SIDES), fps, 28),
        "a tenth off every side, crf 23": lambda f, fps: (cropped(f, 0.1, SIDES), fps, 23),
        "25 frames a second, crf 23": lambda f, fps: (
            f[(np.arange(int(len(f) * 25 / fps)) * fps / 25).astype(int)], 25.0, 23,
        ),
        "every second frame, crf 23": lambda f, fps: (f[::2], fps / 2, 23),
        "brighter by a fifth, crf 23": lambda f, fps: (brighter(f), fps, 23),
        "blurred by a pixel, crf 23": lambda f, fps: (blurred(f), fps, 23),
        "first second cut off, crf 23": lambda f, fps: (f[round(fps) :], fps, 23),
    }  # fmt: skip


def written(frames: np.ndarray, fps: float, crf: int) -> Mark | None:
    with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
        file.write(encode_video(frames, fps, crf=crf))
        file.flush()
        return detect(of_video(Path(file.name)))


def as_gif(frames: np.ndarray, fps: float) -> Mark | None:
    """Read the mark of a GIF of 64 colours, whose times are in hundredths of a second."""
    pictures = [Image.fromarray(frame).quantize(64) for frame in frames]
    with tempfile.NamedTemporaryFile(suffix=".gif") as file:
        content = io.BytesIO()
        pictures[0].save(
            content, "GIF", save_all=True, append_images=pictures[1:], duration=round(1000 / fps, -1)
        )
        file.write(content.getvalue())
        file.flush()
        return detect(of_video(Path(file.name)))


def survive(clips: list[Clip]) -> dict[str, object]:
    """Rates over all clips for each attack and length, and the cost in quality."""
    rows: dict[str, list[tuple[bool, bool, float]]] = defaultdict(list)
    costs = []
    for number, (frames, fps) in enumerate(clips):
        payload = 9973 * (number + 1) % 65536
        marked = Marker(payload, fps).mark(frames)
        costs.append((psnr(marked, frames), ssim(marked, frames)))
        film = read_video(encode_video(marked, fps))[0][:, : frames.shape[1], : frames.shape[2]]

        def note(name: str, found: Mark | None, payload: int = payload) -> None:
            right = found is not None and found.payload == payload
            rows[name].append(
                (found is not None and found.found, right, 1.0 if found is None else found.chance)
            )

        for name, attack in attacks(SIDES[number % 4]).items():
            made, rate, crf = attack(film, fps)
            note(name, detect(of_frames(made, rate)) if crf == 0 else written(made, rate, crf))
        note("GIF of 64 colours", as_gif(film, fps))
        for seconds in SECONDS:
            if len(film) >= (count := round(seconds * fps)):
                note(f"{seconds:g} s of it, crf 23", written(film[:count], fps, 23))
    table = {
        name: {
            "clips": len(found),
            "found": sum(one[0] for one in found),
            "payload right": sum(one[1] for one in found),
            "median chance": float(np.median([one[2] for one in found])),
            "worst chance": max(one[2] for one in found),
        }
        for name, found in rows.items()
    }
    quality = np.array(costs)
    return {"psnr": quality[:, 0].mean(), "ssim": quality[:, 1].mean(), "attacks": table}


def drawn(dataset: str, split: str, size: int, limit: int) -> Iterator[Clip]:
    reader = signvip.build("dataset", dataset, size=(size, size))
    for clip_id in reader.ids(split)[:limit]:
        clip = reader.load(split, clip_id)
        yield clip.frames, clip.fps


def filmed(folder: Path, size: int, limit: int) -> Iterator[Clip]:
    """Yield the middle square of each video of a folder, at 25 frames a second."""
    for path in sorted(folder.rglob("*.mp4"))[:limit]:
        frames = read_footage(path, 25.0, longest=512)
        cut = (frames.shape[2] - min(frames.shape[1:3])) // 2
        yield resized(frames[:, :, cut : frames.shape[2] - cut], size=(size, size)), 25.0


def noises(count: int) -> Iterator[Clip]:
    """Noise of every coarseness, standing, changing and drifting."""
    for number in range(count):
        numbers = np.random.default_rng(number)
        grid, kind = int(numbers.integers(2, 65)), number % 3
        fields = numbers.uniform(0, 255, (48, grid, grid, 3)).astype(np.uint8)
        fields = (
            fields if kind == 0 else np.stack([np.roll(fields[0], kind * t // 2, axis=1) for t in range(48)])
        )
        yield resized(fields, size=(64, 64)), 12.0


def parts(clips: Iterator[Clip], seconds: float = 3.0) -> Iterator[Clip]:
    """Clips cut into pieces of a few seconds; what is shorter is one."""
    for frames, fps in clips:
        length = round(seconds * fps)
        for start in range(0, max(1, len(frames) - length // 2), length):
            yield frames[start : start + length], fps


def true(clips: Iterator[Clip], keys: int) -> dict[str, object]:
    """Return what the detector makes of true clips, under the key and under random ones."""
    own: list[Mark | None] = []
    others: list[Mark | None] = []
    numbers = np.random.default_rng(0)
    for frames, fps in clips:
        canvas = of_frames(frames, fps)
        own.append(detect(canvas))
        for _ in range(keys):
            keyed = waves()[0], np.exp(2j * np.pi * numbers.random(len(waves()[1])))
            with mock.patch.object(detection, "waves", lambda keyed=keyed: keyed):
                others.append(detect(canvas))
    return {"key": _readings(own), "other keys": _readings(others)}


def _readings(found: list[Mark | None]) -> dict[str, float]:
    """Summarise the scores and count the marks found; a clip that nothing can be read from scores 0."""
    scores = [0.0 if one is None else one.score for one in found]
    return {
        "readings": len(found),
        "found": sum(one is not None and one.found for one in found),
        "median score": float(np.median(scores)),
        "highest score": max(scores, default=0.0),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path("mark.json"))
    parser.add_argument("--videos", type=Path, help="a folder of real videos, mp4")
    parser.add_argument("--clips", type=int, default=24, help="marked clips of each kind")
    parser.add_argument("--keys", type=int, default=5, help="other keys that each true clip is read with")
    options = parser.parse_args()
    marked = {
        "toysign 64x64": drawn("toysign", "test", 64, options.clips),
        "lexicon 128x128": drawn("lexicon", "test", 128, options.clips),
    }
    unmarked = {
        "toysign": drawn("toysign", "train", 64, 400),
        "lexicon": parts(drawn("lexicon", "train", 128, 120)),
        "noise": noises(300),
    }
    if options.videos is not None:
        marked["filmed, 256x256"] = filmed(options.videos, 256, options.clips)
        unmarked["filmed"] = parts(filmed(options.videos, 128, 400), 2.0)
    results: dict[str, dict[str, object]] = {"marked": {}, "true": {}}
    for part, groups, measure in (
        ("marked", marked, lambda clips: survive(list(clips))),
        ("true", unmarked, lambda clips: true(clips, options.keys)),
    ):
        for name, clips in groups.items():
            results[part][name] = measure(clips)
            options.output.write_text(json.dumps(results, indent=2) + "\n")
            print(name, json.dumps(results[part][name]), flush=True)


if __name__ == "__main__":
    main()
