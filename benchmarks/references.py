"""Rates at which a reference is wrongly doubted, and one without a signer passes, for the embedded model.

python benchmarks/references.py [--clips FOLDER]

Signers of seeds that nothing else uses, the photographs in scikit-image's wheel, noise, pages of text and plain
colours, all from fixed seeds, that `signvip.data.likeness` was not tuned on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import skimage
from PIL import Image, ImageDraw, ImageFont

import signvip
from signvip.data.likeness import Likeness
from signvip.data.reference_picture import load_reference
from signvip.data.video import read_video
from signvip.generate import embedded_run
from signvip.run import Run
from signvip.storage.json_files import parse_object

COUNT = 200  # of each kind that is drawn
SEEDS = range(7001, 7006)  # of datasets that nothing was trained or tuned on
PEOPLE = ("astronaut",)  # photographs that show somebody, from the front
WORDS = "the a of rain north sign language tomorrow valley paper wind from and page mountain cloud".split()


def signers() -> Iterator[np.ndarray]:
    """Drawn signers at rest, as the training's references were, but other people."""
    for seed in SEEDS:
        reader = signvip.build("dataset", "toysign", seed=seed, test_signers=COUNT // len(SEEDS))
        yield from (reader.portrait(signer) for signer in reader.signers("test"))


def photographs() -> dict[str, np.ndarray]:
    """Return the pictures that travel in scikit-image's wheel."""
    folder = Path(skimage.__file__).parent / "data"
    files = sorted(file for file in folder.iterdir() if file.suffix in (".png", ".jpg"))
    return {file.stem: np.asarray(Image.open(file).convert("RGB")) for file in files}


def noises() -> Iterator[np.ndarray]:
    """Random pixels, from single ones to large clouds, of many brightnesses and contrasts."""
    draw = np.random.default_rng(7001)
    for _ in range(COUNT):
        side = int(draw.choice([3, 4, 6, 8, 12, 16, 32, 64]))
        middle, spread = draw.uniform(40, 215, 3), draw.uniform(5, 80)
        small = np.clip(draw.normal(middle, spread, (side, side, 3)), 0, 255).astype(np.uint8)
        yield np.asarray(Image.fromarray(small).resize((128, 128), Image.Resampling.BICUBIC))


def pages() -> Iterator[np.ndarray]:
    """Pages of random words in several sizes, dark on light and light on dark."""
    draw = np.random.default_rng(7002)
    for _ in range(COUNT):
        paper, ink = draw.integers(180, 256, 3), draw.integers(0, 90, 3)
        paper, ink = (paper, ink) if draw.random() < 0.8 else (ink, paper)
        page, height = Image.new("RGB", (256, 256), tuple(map(int, paper))), int(draw.integers(8, 29))
        pen, font = ImageDraw.Draw(page), ImageFont.load_default(height)
        for top in range(4, 250, int(height * draw.uniform(1.1, 1.8))):
            pen.text((6, top), " ".join(draw.choice(WORDS, 12)), tuple(map(int, ink)), font)
        yield np.asarray(page)


def colours() -> Iterator[np.ndarray]:
    """Plain colours, some of them getting darker to one side."""
    draw = np.random.default_rng(7003)
    for number in range(COUNT):
        plain = np.tile(draw.uniform(0, 255, 3), (64, 64, 1))
        shade = np.linspace(1, draw.uniform(0.4, 1), 64)[:, None, None] if number % 2 else 1.0
        yield (plain * shade).astype(np.uint8)


def main(clips: Path | None) -> None:
    """Print a row for each kind: how many pictures there are, and how many of them are doubted."""
    options = parse_object((embedded_run() / "reference_net" / "config.json").read_bytes())
    usual, config = Likeness.from_json(options["likeness"]), Run.open(embedded_run()).config
    assert usual is not None, "the embedded model knows its references"
    shown = photographs()
    kinds: dict[str, list[np.ndarray]] = {
        "drawn signers": list(signers()),
        "photographs without a person": [shown[name] for name in shown if name not in PEOPLE],
        "photographs of a person": [shown[name] for name in PEOPLE],
        "noise": list(noises()),
        "pages of text": list(pages()),
        "plain colours": list(colours()),
    }
    if clips is not None:
        kinds["real signers"] = [read_video(file, 0, 1)[0][0] for file in sorted(clips.glob("*.mp4"))]
    for kind, pictures in kinds.items():
        found = np.array([usual.distance(load_reference(picture, config.size)) for picture in pictures])
        told, middle, least = int((found > 1).sum()), np.median(found), found.min()
        print(
            f"{kind:<30}{len(found):>5}{told:>5} doubted; distance {middle:.2f} in the middle, {least:.2f} least"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=Path, help="a folder of videos of real signers")
    main(parser.parse_args().clips)
