"""Letters of American fingerspelling, read off drawn signers by a hand tracker and a reader that never saw our data.

    python benchmarks/letters.py draw letters.npz                         # needs signvip[lexicon]
    python benchmarks/letters.py read letters.npz --output letters.json   # needs mediapipe 0.10.21, h5py and
                                                                          # ASL_Alpnum_Recognizer 0.6 (--no-deps)

The two halves may run in environments of their own. Every signer of a split spells the 24 letters that do not move, in
an order of their own; of each the frame in the middle of its hold counts. Letters are read off the points that the
lexicon's files hold, off the skeleton that is drawn, and off what MediaPipe finds in the frames. How much frames are
enlarged, and how a hand is shown to the reader, was chosen on the files and the dev split; the test split is reported.
"""

from __future__ import annotations

import argparse
import json
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np

LANGUAGE, SIZE, FPS, SEED = "ase", (128, 128), 12.0, 0
ENLARGED = 2  # 3 and 4 find 97.6 to 97.7 % of the hands of the dev split, 2 finds 99.3 %
SURE = 0.3  # MediaPipe's least confidence of a hand
# The reader takes pixels as they come and does not say of which pictures. So shown, a hand's box of 200 about
# (100, 100), it reads most of the lexicon's own points.
HAND, CENTRE = 200.0, 100.0
CLASSES = (
    "1 10 2 3 4 5 6 7 8 9 A B nothing C D E F G H I J K L M N O P Q R S T U V W X Y Z del _ space".split()
)
RESAMPLES = 2000


class Read(NamedTuple):
    """The letters that were read: off the files (24,), by share of their frames; the others (signers, 24)."""

    points: np.ndarray
    skeleton: np.ndarray
    frames: np.ndarray
    found: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    drawing = commands.add_parser("draw")
    drawing.add_argument("path", type=Path)
    drawing.add_argument("--split", default="test", choices=("train", "dev", "test"))
    drawing.add_argument("--signers", type=int, default=80)
    reading = commands.add_parser("read")
    reading.add_argument("path", type=Path)
    reading.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.command == "draw":
        draw(options.path, options.split, options.signers)
    else:
        report(read(options.path), options.output)


def draw(path: Path, split: str, signers: int) -> None:
    """Store frames (S, 24, H, W, 3), drawn hands (S, 24, 21, 3) in pixels, and the files' hands with their letters."""
    from signvip_datasets.lexicon.holds import read_letter
    from signvip_datasets.lexicon.index import find_lexicon, read_index
    from signvip_datasets.lexicon.placing import signing

    alphabet = read_index(find_lexicon(None))[LANGUAGE]
    letters = signing(alphabet).letters
    keys = [key for key, letter in letters.items() if not letter.seconds]
    drawn = [_spelled(keys, letters, f"lexicon-signer-{split}-{number:03d}") for number in range(signers)]
    files = [read_letter(alphabet.entries[key].path).hands.joints()[:, 1] for key in keys]
    np.savez_compressed(
        path,
        frames=np.stack([frames for frames, _ in drawn]),
        hands=np.stack([hands for _, hands in drawn]),
        letters=np.array([key.upper() for key in keys]),
        points=np.concatenate(files),
        of=np.repeat(np.arange(len(keys)), [len(hands) for hands in files]),
        split=split,
    )


def _spelled(keys: list[str], letters, who: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames and right hands of one signer at the middle of each letter's hold, in the order of `keys`."""
    from signvip_datasets.lexicon.body import FINE, Manner, known, signer, skeleton, spelling_face, view
    from signvip_datasets.lexicon.letters import Spelled
    from signvip_datasets.lexicon.lexicon import Lexicon
    from signvip_datasets.lexicon.ties import Timing, perform
    from signvip_toysign.draw import render
    from signvip_toysign.signer import generator

    pace = Lexicon.Config()
    order = generator(SEED, who, "order").permutation(len(keys))
    timing = Timing(pace.hold, pace.tie, pace.pause, pace.doubled)
    motion, held = perform([Spelled(keys[place]) for place in order], letters, timing, FPS)
    person = signer(SEED, who)
    body, shows = (
        skeleton(motion, spelling_face(held, FPS, Manner()), person),
        view(person, left_handed=False),
    )
    middle = np.array([np.median(np.flatnonzero(held == place)) for place in np.argsort(order)], int)
    frames, _ = render(body, SIZE, shows, FINE)
    return frames[middle], known(body, SIZE, shows)["hands"][middle, 1, :, :3] * SIZE[1]


def read(path: Path) -> Read:
    """Read the letters of what `draw` stored."""
    stored, reader = np.load(path), Reader()
    letters, of = stored["letters"], stored["of"]
    right = reader(stored["points"]) == letters[of]
    points = np.array([right[of == place].mean() for place in range(len(letters))])
    skeleton = reader(stored["hands"]) == letters
    tracked = track(stored["frames"])
    found = np.isfinite(tracked).all(axis=(2, 3))
    return Read(points, skeleton, (reader(np.nan_to_num(tracked)) == letters) & found, found)


def track(frames: np.ndarray) -> np.ndarray:
    """MediaPipe's points (S, 24, 21, 3) of the surest hand of each frame, in its pixels; NaN where it finds none."""
    from mediapipe.python.solutions.hands import Hands
    from PIL import Image

    size = (frames.shape[3] * ENLARGED, frames.shape[2] * ENLARGED)
    found = np.full((*frames.shape[:2], 21, 3), np.nan)
    with Hands(static_image_mode=True, max_num_hands=1, min_detection_confidence=SURE) as hands:
        for place in np.ndindex(frames.shape[:2]):
            picture = Image.fromarray(frames[place]).resize(size, Image.Resampling.BICUBIC)
            seen = hands.process(np.asarray(picture)).multi_hand_landmarks
            if seen:
                found[place] = [(point.x, point.y, point.z) for point in seen[0].landmark]
    return found * frames.shape[3]


class Reader:
    """The network of ASL_Alpnum_Recognizer 0.6 (MIT): 63 numbers of a hand to a letter; digits are left out."""

    def __init__(self) -> None:
        import h5py

        package = find_spec("ASL_alnum_recognizer")
        if package is None or package.origin is None:
            raise SystemExit("There is no reader; pip install --no-deps ASL_Alpnum_Recognizer==0.6")
        with h5py.File(Path(package.origin).parent / "models" / "signLanguageDetectoralpnum.h5") as file:
            layers = [file["model_weights"][name] for name in ("dense_8", "dense_9", "dense_10", "dense_11")]
            values = [group[next(iter(group))][group.name.split("/")[-1]] for group in layers]
            self.weights = [(layer["kernel"][:], layer["bias"][:]) for layer in values]
        self.letters = [place for place, name in enumerate(CLASSES) if len(name) == 1 and name.isalpha()]

    def __call__(self, hands: np.ndarray) -> np.ndarray:
        """Letters (...) of hands (..., 21, 3), x to the right and y down, in any unit."""
        x = shown(hands).reshape(*hands.shape[:-2], 63)
        for number, (kernel, bias) in enumerate(self.weights):
            x = (x if number == 0 else np.maximum(x, 0)) @ kernel + bias
        return np.array(CLASSES)[self.letters][x[..., self.letters].argmax(axis=-1)]


def shown(hands: np.ndarray) -> np.ndarray:
    """Hands (..., 21, 3) in whole pixels, as the package gives them to its network: one size, in one place."""
    low, high = hands[..., :2].min(axis=-2), hands[..., :2].max(axis=-2)
    scale = HAND / np.maximum((high - low).max(axis=-1), 1e-6)[..., None, None]
    places = (hands[..., :2] - (low + high)[..., None, :] / 2) * scale + CENTRE
    depth = (hands[..., 2:] - hands[..., :1, 2:]) * scale
    return np.trunc(np.concatenate([places, depth], axis=-1))


def report(found: Read, output: Path | None) -> None:
    """Print shares with 95 % intervals over signers; with `--output`, store them with what each letter had."""
    signers, letters = found.frames.shape
    points = float(found.points.mean())
    rows = {
        "points of the files": [points, points, points],
        "the skeleton that is drawn": _interval(found.skeleton.mean(axis=1)),
        "hands found in the frames": _interval(found.found.mean(axis=1)),
        "frames": _interval(found.frames.mean(axis=1)),
        "frames, as a share of the points": _interval(found.frames.mean(axis=1) / points),
    }
    print(f"{signers} signers x {letters} letters = {signers * letters} frames")
    for name, (value, low, high) in rows.items():
        print(f"{name:36} {value:.3f}  [{low:.3f}, {high:.3f}]")
    if output is not None:
        each = {
            name: getattr(found, name).reshape(-1, letters).mean(axis=0).tolist() for name in Read._fields
        }
        about = {"signers": signers, "letters": letters, "shares": rows, "each letter": each}
        output.write_text(json.dumps(about, indent=2) + "\n")


def _interval(shares: np.ndarray) -> list[float]:
    """Return the mean of what each signer has (S,), and where 95 % of the means of resampled signers lie."""
    random = np.random.default_rng(0)
    means = shares[random.integers(len(shares), size=(RESAMPLES, len(shares)))].mean(axis=1)
    return [float(shares.mean()), *(float(edge) for edge in np.percentile(means, [2.5, 97.5]))]


if __name__ == "__main__":
    main()
