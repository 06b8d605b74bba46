"""Does a run sign the same word otherwise in another sign language, and with the right hands in each?

    python benchmarks/two_languages.py RUN --languages ase tsm ise lls --words 24 --output two.json

Needs `signvip[lexicon]` and a run with a pose head. Each word of the lexicon's test split is translated in every
language and its poses are read; the poses are compared with those of the lexicon's own clip of that word in each of
the languages, aligned by dynamic time warping. What is compared are hand shapes: the 21 points of each hand from its
wrist, in lengths of its palm; a hand that only one of the two clips has counts as one length. A reading is right
where the truth of its own language is the nearest; chance is one over the number of languages. Words whose letters
are drawn alike in two languages cannot be told apart, so the true clips of other signers are read in the same way:
that is the ceiling.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from itertools import product
from pathlib import Path

import numpy as np

import signvip
from signvip.contracts import LEFT_HAND, RIGHT_HAND

WRIST, KNUCKLE = 0, 9
MISSING = 1.0  # lengths of a palm
RESAMPLES, SEED = 2000, 0
Clips = dict[tuple[str, str], np.ndarray]
"""Hands (F, 2, 21, 2) by text and language."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--languages", nargs="+", default=["ase", "tsm", "ise", "lls"])
    parser.add_argument("--words", type=int, default=24)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    truth = spelled(options.words, options.languages, seed=0)
    rows = {
        "true clips of other signers": spelled(options.words, options.languages, seed=1),
        "from the text": generated(options.run, truth),
    }
    found = {row: errors(made, truth, options.languages) for row, made in rows.items()}
    for row, values in found.items():
        print(f"{row}: {report(values)}")
    if options.output is not None:
        told = {row: values.tolist() for row, values in found.items()}
        options.output.write_text(json.dumps({"languages": options.languages, "errors": told}) + "\n")


def spelled(count: int, languages: list[str], seed: int) -> Clips:
    """Return the lexicon's own clips of the same words in every language; a seed gives the signers and the pace."""
    drawn = signvip.build("dataset", "lexicon", languages=["ase"], test=count, words=1)
    texts = dict.fromkeys(drawn.load("test", clip_id).text for clip_id in drawn.ids("test"))
    with tempfile.TemporaryDirectory() as folder:
        (text := Path(folder) / "words.txt").write_text("\n".join(texts))
        reader = signvip.build("dataset", "lexicon", text=text, languages=languages, seed=seed)
        clips = [reader.load("test", clip_id) for clip_id in reader.ids("test")]
    return {(clip.text, clip.language): shapes(clip.known["keypoints"]) for clip in clips}


def generated(run: Path, asked: Clips) -> Clips:
    pipe = signvip.SignVipPipeline.from_pretrained(run)
    pipe.require_pose_head()
    return {
        (text, language): shapes(
            pipe.read_poses(pipe.embed(pipe.translate([text], language=language)[0])).numpy()
        )
        for text, language in asked
    }


def shapes(keypoints: np.ndarray) -> np.ndarray:
    """Return both hands (F, 2, 21, 2) of keypoints (F, 128, 3), from the wrist, in palms; NaN where one is unseen."""
    hands = np.stack([keypoints[:, hand] for hand in (LEFT_HAND, RIGHT_HAND)], 1).astype(np.float64)
    flat = hands[..., :2] - hands[..., WRIST : WRIST + 1, :2]
    palm = np.linalg.norm(flat[..., KNUCKLE, :], axis=-1)[..., None, None]
    seen = (hands[..., 2] > 0).all(-1)[..., None, None]
    return np.where(seen, flat / np.maximum(palm, 1e-6), np.nan)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the mean distance of hand shapes along the best alignment in time."""
    apart = np.linalg.norm(one[:, None] - other[None], axis=-1).mean(-1)  # (F, G, 2)
    both_missing = np.isnan(one).all((-1, -2))[:, None] & np.isnan(other).all((-1, -2))[None]
    apart = np.where(both_missing, 0.0, np.where(np.isnan(apart), MISSING, np.minimum(apart, MISSING))).mean(
        -1
    )
    total, steps = np.full(np.add(apart.shape, 1), np.inf), np.zeros(np.add(apart.shape, 1))
    total[0, 0] = 0
    for i, j in product(range(len(one)), range(len(other))):
        before = min(((i, j), (i, j + 1), (i + 1, j)), key=lambda place: total[place])
        total[i + 1, j + 1], steps[i + 1, j + 1] = total[before] + apart[i, j], steps[before] + 1
    return float(total[-1, -1] / steps[-1, -1])


def errors(made: Clips, truth: Clips, languages: list[str]) -> np.ndarray:
    """Return distances (W, L, L): of each word, made in a language, to its truth in every language."""
    texts = list(dict.fromkeys(text for text, _ in truth))
    whole = [text for text in texts if all((text, language) in truth for language in languages)]
    return np.array(
        [
            [[distance(made[text, asked], truth[text, other]) for other in languages] for asked in languages]
            for text in whole
        ]
    )


def report(values: np.ndarray) -> str:
    """Say how often the right language is nearest, and the distances, with 95 % intervals over words."""
    words, count, _ = values.shape
    own = values[:, np.arange(count), np.arange(count)]
    right = (values.argmin(-1) == np.arange(count)).mean(1)
    others = (values.sum(-1) - own).mean(1) / (count - 1)
    told = {"right": right, "distance to its own": own.mean(1), "to the others": others}
    draws = np.random.default_rng(SEED).integers(words, size=(RESAMPLES, words))
    edges = {name: np.percentile(score[draws].mean(1), [2.5, 97.5]) for name, score in told.items()}
    shown = [f"{name} {told[name].mean():.3f} ({low:.3f}..{high:.3f})" for name, (low, high) in edges.items()]
    return f"{words} words in {count} languages, chance {1 / count:.2f}: " + ", ".join(shown)


if __name__ == "__main__":
    main()
