"""Words of American fingerspelling, read letter by letter off a run's videos by a reader that never saw our data.

    python benchmarks/spelling.py make RUN SHARDS words.npz --clips 60   # needs signvip and a run with a pose head
    python benchmarks/spelling.py read words.npz --output words.json     # needs mediapipe 0.10.21, h5py and
                                                                         # ASL_Alpnum_Recognizer 0.6 (--no-deps)

The two halves may run in environments of their own. With `-` for RUN only what is true is stored and read. Each word
of a split counts once, by its first clip; words with J or Z, which move, and words of fewer than three letters are left
out, and the reader never says J or Z. A hand that is held still is read as one letter, a doubled letter counts as one.

`correct` is the main score: the letters of a word less what must be put in, taken out or replaced to get from what was
read to the word, at least none, as a share of all letters. `in order` is the longest common subsequence; a reading that
says more letters gains there by luck alone, and loses above. `by chance` is `correct` with the readings of all other
clips. What could be chosen was chosen on the true clips of the dev split.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from letters import CLASSES, Reader, track

LANGUAGE, MOVING, SHORTEST = "ase", "JZ", 3
STILL = 0.15  # lengths of a palm, wrist to middle knuckle, from frame to frame: less is held still
WRIST, KNUCKLE = 0, 9
LEAST = 3  # frames at 12 a second; letters are held for four, and two or three lie between them
RESAMPLES, SEED = 2000, 0
SKELETON, PICTURES = "true skeleton", "true frames"
BY_TOKENS = "frames of text, guided by tokens"  # as in the paper, of a run that poses guide
# Each row with the one that it is a share of: what the same reader makes of the truth.
ROWS = {
    SKELETON: SKELETON,
    "pose head, true conditions": SKELETON,
    "pose head, text": SKELETON,
    PICTURES: PICTURES,
    "frames of true conditions": PICTURES,
    "frames of text": PICTURES,
    BY_TOKENS: PICTURES,
}


class Counts(NamedTuple):
    """Of each clip (C,): letters of its word, those in order, correct, and said; correct with other clips' readings."""

    letters: np.ndarray
    in_order: np.ndarray
    correct: np.ndarray
    said: np.ndarray
    chance: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    making = commands.add_parser("make")
    making.add_argument("run", help="folder of a run, or - for the truth alone")
    making.add_argument("shards", type=Path)
    making.add_argument("path", type=Path)
    making.add_argument("--split", default="test", choices=("dev", "test"))
    making.add_argument("--clips", type=int, default=60)
    reading = commands.add_parser("read")
    reading.add_argument("path", type=Path)
    reading.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.command == "make":
        make(None if options.run == "-" else Path(options.run), options)
    else:
        report(np.load(options.path), options.output)


def make(run: Path | None, options: argparse.Namespace) -> None:
    """Store, of each row, poses (F, 21, 3) in pixels or frames (F, H, W, 3) of all clips, and how long each clip is."""
    from signvip.data.shards import ShardIndex

    index = ShardIndex(options.shards, options.split)
    picks = chosen([index.load(clip, "json") for clip in range(len(index))], options.clips)
    clips = list(_true(index, picks) if run is None else _made(run, options, picks))
    stored: dict[str, Any] = {"words": np.array([index.load(pick, "json")["text"] for pick in picks])}
    for row in clips[0]:
        stored[row] = np.concatenate([clip[row] for clip in clips])
        stored[f"{row}, lengths"] = np.array([len(clip[row]) for clip in clips])
    np.savez_compressed(options.path, **stored)


def chosen(infos: Sequence[dict[str, Any]], count: int) -> list[int]:
    """Return at most `count` clips with words that can be read, each word once."""
    first: dict[str, int] = {}
    for clip, info in enumerate(infos):
        word = letters_of(info["text"])
        if info["language"] == LANGUAGE and len(word) >= SHORTEST and not set(word) & set(MOVING):
            first.setdefault(word, clip)
    if not first:
        raise SystemExit(f"No clip spells a word of {SHORTEST} letters without {MOVING} in {LANGUAGE}")
    return list(first.values())[:count]


def letters_of(text: str) -> str:
    """Return the letters of a text, doubled ones once."""
    return once(letter for letter in text.upper() if letter.isalpha())


def once(letters: Iterable[str]) -> str:
    return "".join(letter for letter, _ in groupby(letters))


def _true(index: Any, picks: Sequence[int]) -> Iterator[dict[str, np.ndarray]]:
    from signvip.data.video import read_video

    for pick in picks:
        frames, _ = read_video(index.read(pick, "mp4"))
        yield {SKELETON: _skeleton(index, pick, frames.shape[1:3]), PICTURES: frames}


def _skeleton(index: Any, pick: int, size: tuple[int, int]) -> np.ndarray:
    points = index.keypoints(pick).astype(np.float32)
    return _hand(points * [size[1], size[0], 1])


def _hand(points: np.ndarray) -> np.ndarray:
    """Return the right hand (F, 21, 3) of keypoints (F, 128, 3) in pixels: flat, NaN where a point is unseen."""
    from signvip.contracts import RIGHT_HAND

    hand = np.asarray(points[:, RIGHT_HAND], np.float32)
    seen = (hand[..., 2] > 0).all(axis=1)
    return np.where(seen[:, None, None], hand * np.float32([1, 1, 0]), np.nan)


def _made(run: Path, options: argparse.Namespace, picks: Sequence[int]) -> Iterator[dict[str, np.ndarray]]:
    from signvip.generate import GenerateOptions
    from signvip_lab.evaluation.chain import Chain
    from signvip_lab.evaluation.making import make as make_clip

    chain = Chain.open(run, options.shards, options.split, GenerateOptions())
    chain.pipe.require_pose_head()
    chain.pipe.set_progress_bar_config(disable=True)
    for number, pick in enumerate(picks):
        clip = make_clip(chain, pick, SEED, pixels=True)
        print(f"{number + 1}/{len(picks)} {clip.info['text']}: {clip.seconds:.1f} s", flush=True)
        assert clip.generated is not None and clip.rebuilt is not None  # pixels were asked for
        made = {
            SKELETON: _skeleton(chain.clips.index, pick, chain.clips.size),
            "pose head, true conditions": _hand(chain.pipe.read_poses(chain.embeddings(pick)).numpy()),
            "pose head, text": _hand(chain.pipe.read_poses(chain.pipe.embed(clip.written)).numpy()),
            PICTURES: clip.frames,
            "frames of true conditions": clip.rebuilt,
            "frames of text": clip.generated,
        }
        if chain.pipe.config.guided_by != "tokens" and not chain.pipe.pose_drawer.learned:
            made[BY_TOKENS] = chain.video(chain.pipe.embed(clip.written), clip.reference, SEED)
        yield made


def report(stored: Any, output: Path | None) -> None:
    """Print each row's scores with 95 % intervals over clips; with `--output`, store them with what was read."""
    words = [letters_of(text) for text in stored["words"]]
    rows, reader = [row for row in ROWS if row in stored], reader_of_words()
    hands = {row: _hands(stored, row) for row in rows}
    read = {row: [spelled(hand, reader) for hand in hands[row]] for row in rows}
    counts = {row: count(read[row], words) for row in rows}
    scores = {row: scored(counts[row], counts[ROWS[row]]) for row in rows}
    for row in rows:
        scores[row]["hands found"] = [float(np.concatenate([seen(hand) for hand in hands[row]]).mean())]
    print(f"{len(words)} words, {sum(map(len, words))} letters")
    for row in rows:
        print(row)
        for name, (value, *edges) in scores[row].items():
            print(f"    {name:16} {value:.3f}", "[{:.3f}, {:.3f}]".format(*edges) if edges else "")
    if output is not None:
        about = {"letters": sum(map(len, words)), "rows": scores, "words": words, "read": read}
        output.write_text(json.dumps(about, indent=2) + "\n")


def _hands(stored: Any, row: str) -> list[np.ndarray]:
    """Return the hands (F, 21, 3) of each clip, NaN where there is none: as they are, or found in pictures."""
    whole = stored[row] if ROWS[row] == SKELETON else track(stored[row][None])[0]
    return np.split(whole, np.cumsum(stored[f"{row}, lengths"])[:-1])


def seen(hand: np.ndarray) -> np.ndarray:
    return np.isfinite(hand).all(axis=(1, 2))


def reader_of_words() -> Reader:
    """Return the reader, of the letters that do not move."""
    reader = Reader()
    reader.letters = [place for place in reader.letters if CLASSES[place] not in MOVING]
    return reader


def spelled(hand: np.ndarray, reader: Callable[[np.ndarray], np.ndarray]) -> str:
    """Read a clip's hand (F, 21, 3): of each stretch that is held, the letter that most of its frames show."""
    return once(_most(reader(hand[start:stop])) for start, stop in held(hand))


def held(hand: np.ndarray) -> list[tuple[int, int]]:
    """Return where a hand (F, 21, 3) is held still: first frames, and those after the last."""
    flat = hand[..., :2]
    if not seen(hand).any():
        return []
    palm = np.nanmedian(np.linalg.norm(flat[:, KNUCKLE] - flat[:, WRIST], axis=-1))
    moved = np.linalg.norm(np.diff(flat, axis=0), axis=-1).mean(axis=-1) / palm
    still = np.concatenate([[0], moved < STILL, [0]])  # nothing is known of a frame without a hand
    steps = np.flatnonzero(np.diff(still)).reshape(-1, 2)  # between frames: a stretch has one frame more
    return [(int(start), int(stop) + 1) for start, stop in steps if stop + 1 - start >= LEAST]


def _most(letters: np.ndarray) -> str:
    names, counts = np.unique(letters, return_counts=True)
    return str(names[counts.argmax()])


def count(read: Sequence[Sequence[str]], words: Sequence[Sequence[str]]) -> Counts:
    """Count what each clip's reading has of its word, in letters; or of its sentence, in signs."""
    correct = np.array([[letters_correct(one, word) for word in words] for one in read], float)
    sizes = np.array([len(word) for word in words], float)
    others = correct.sum(axis=0) - np.diag(correct)  # this word, with the readings of all other clips
    chance = others / max(len(words) - 1, 1)
    in_order = np.array([common(one, word) for one, word in zip(read, words, strict=True)], float)
    return Counts(sizes, in_order, np.diag(correct), np.array([len(one) for one in read], float), chance)


def letters_correct(read: Sequence[str], word: Sequence[str]) -> int:
    """Return the letters of a word less the edits that make it of what was read, at least 0."""
    edits = list(range(len(word) + 1))  # from what was read so far to the beginnings of the word
    for said, letter in enumerate(read, 1):
        above = edits
        edits = [said]
        for place, other in enumerate(word):
            edits.append(min(above[place] + (letter != other), above[place + 1] + 1, edits[place] + 1))
    return max(0, len(word) - edits[-1])


def common(read: Sequence[str], word: Sequence[str]) -> int:
    """Return how many letters of a word were read in its order: the longest common subsequence."""
    most = [0] * (len(word) + 1)
    for letter in read:
        above = most
        most = [0]
        for place, other in enumerate(word):
            most.append(above[place] + 1 if letter == other else max(above[place + 1], most[place]))
    return most[-1]


def scored(row: Counts, truth: Counts) -> dict[str, list[float]]:
    """Return each score of a row with its interval; a share is of what the same reader makes of the truth."""
    return {
        "correct": _interval(row.correct, row.letters),
        "share of true": _interval(row.correct, truth.correct),
        "by chance": _interval(row.chance, row.letters),
        "in order": _interval(row.in_order, row.letters),
        "in order, share": _interval(row.in_order, truth.in_order),
        "letters said": _interval(row.said, row.letters),
    }


def _interval(part: np.ndarray, whole: np.ndarray) -> list[float]:
    """Return the share of the whole that clips (C,) have, and where 95 % of the shares of resampled clips lie."""
    picks = np.random.default_rng(0).integers(len(part), size=(RESAMPLES, len(part)))
    shares = part[picks].sum(axis=1) / np.maximum(whole[picks].sum(axis=1), 1)
    edges = np.percentile(shares, [2.5, 97.5])
    return [float(part.sum() / max(whole.sum(), 1)), *(float(edge) for edge in edges)]


if __name__ == "__main__":
    main()
