"""Sentences of toysign's two invented languages, read sign by sign off a run's poses by matching, without training.

    python benchmarks/signs.py RUN --sentences 40 --output signs.json

Needs a run with a pose head; with `-` for RUN only the truth is read. The sentences are those of toysign's test split,
half of them in either language. A reader knows how each of the thirty signs of a language is made by a signer of
average build: both hands from between the shoulders, in their width. Of all sequences of signs, with frames in between
that are no sign, it takes the nearest to what it sees (a Viterbi alignment).
It knows neither the text nor the order of a language. What is read of the true skeletons is the ceiling.

`correct` is the main score: the signs of a sentence less what must be put in, taken out or replaced to get from what
was read to them, at least none, as a share of all signs. `by chance` is the same with the readings of all other
sentences of the language. What could be chosen (GAP, ENTRY) was chosen on true clips of the dev split.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from signvip_toysign.motion import CLOCK, Manner, Motion, neutral, sign_track, unpack
from signvip_toysign.signer import Signer, make_signer
from signvip_toysign.signs import LANGUAGES, language, lexicon
from signvip_toysign.skeleton import keypoints, pose
from spelling import Counts, count, scored

import signvip
from signvip.contracts import KEYPOINTS, LEFT_HAND, RIGHT_HAND

FPS, SIZE = 12.0, (128, 128)
SHOULDERS = [KEYPOINTS.index(f"{side}_shoulder") for side in ("right", "left")]
GAP, ENTRY = 0.25, 0.5  # widths of the shoulders: at most, of a frame that is no sign; and once for each sign
QUESTION = "?"  # raised brows, not a sign of the hands
TRUTH, MADE = "true skeleton", "pose head, text"
Reading = tuple[str, ...]


class Template(NamedTuple):
    """All signs of a language, frame by frame: hands (S, 42, 2), the sign of each frame, its first and its last.

    `rest` (1, 42, 2) are hands that say nothing.
    """

    rest: np.ndarray
    hands: np.ndarray
    glosses: list[str]
    first: np.ndarray  # (S,) bool
    last: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="folder of a run, or - for the truth alone")
    parser.add_argument("--sentences", type=int, default=40)
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    reader = signvip.build(
        "dataset", "toysign", languages=list(LANGUAGES), size=SIZE, **{options.split: options.sentences}
    )
    clips = [reader.load(options.split, clip_id) for clip_id in reader.ids(options.split)]
    rows = {TRUTH: [clip.known["keypoints"] * [SIZE[1], SIZE[0], 1] for clip in clips]}
    if options.run != "-":
        rows[MADE] = generated(Path(options.run), clips)
    report(rows, clips, options.output)


def generated(run: Path, clips: Sequence[signvip.Clip]) -> list[np.ndarray]:
    """Return the poses (F, 128, 3) that a run makes of each text."""
    pipe = signvip.SignVipPipeline.from_pretrained(run)
    pipe.require_pose_head()
    tokens = [pipe.translate([clip.text], language=clip.language)[0] for clip in clips]
    return [pipe.read_poses(pipe.embed(each)).numpy() for each in tokens]


def report(rows: dict[str, list[np.ndarray]], clips: Sequence[signvip.Clip], output: Path | None) -> None:
    """Print each row's scores with 95 % intervals over sentences; with `--output`, store them with what was read."""
    templates = {language(name).code: template(name) for name in LANGUAGES}
    signed = [tuple(sign for sign in str(clip.gloss).split() if sign != QUESTION) for clip in clips]
    read = {
        row: [
            sequence(hands(points), templates[clip.language])
            for points, clip in zip(poses, clips, strict=True)
        ]
        for row, poses in rows.items()
    }
    counts = {row: _counted(found, signed, clips) for row, found in read.items()}
    scores: dict[str, Any] = {}
    print(f"{len(clips)} sentences, {sum(map(len, signed))} signs")
    for row, poses in rows.items():
        scores[row] = scored(counts[row], counts[TRUTH])
        length = np.mean([len(made) / len(truth) for made, truth in zip(poses, rows[TRUTH], strict=True)])
        scores[row]["whole sentences"] = [
            float(np.mean([found == truth for found, truth in zip(read[row], signed, strict=True)]))
        ]
        scores[row]["length over the truth's"] = [float(length)]
        print(row)
        for name, (value, *edges) in scores[row].items():
            print(f"    {name:24} {value:.3f}", "[{:.3f}, {:.3f}]".format(*edges) if edges else "")
    if output is not None:
        about = {"rows": scores, "texts": [clip.text for clip in clips], "signed": signed, "read": read}
        output.write_text(json.dumps(about, indent=2) + "\n")


def _counted(read: Sequence[Reading], signed: Sequence[Reading], clips: Sequence[signvip.Clip]) -> Counts:
    """Count what is right by language, since one language's readings are no chance of the other's."""
    parts = []
    for code in dict.fromkeys(clip.language for clip in clips):
        own = [place for place, clip in enumerate(clips) if clip.language == code]
        parts.append(count([read[place] for place in own], [signed[place] for place in own]))
    return Counts(*(np.concatenate(values) for values in zip(*parts, strict=True)))


def hands(points: np.ndarray) -> np.ndarray:
    """Return both hands (F, 42, 2) of keypoints (F, 128, 3) in pixels, from between the shoulders in their width.

    A hand that is not seen is where it was before.
    """
    flat = points[..., :2].astype(np.float64)
    width = np.median(np.linalg.norm(flat[:, SHOULDERS[0]] - flat[:, SHOULDERS[1]], axis=-1))
    middle = np.median(flat[:, SHOULDERS].mean(1), axis=0)
    both = []
    for hand in (LEFT_HAND, RIGHT_HAND):
        seen = (points[:, hand, 2] > 0).all(1)
        known = np.maximum.accumulate(np.where(seen, np.arange(len(points)), -1))
        known[known < 0] = np.argmax(seen)
        both.append(flat[known, hand])
    return (np.concatenate(both, axis=1) - middle) / max(width, 1e-6)


def template(name: str) -> Template:
    """Return the signs of a language as a signer of average build makes them."""
    signer, parts, glosses = make_signer(0, "reader"), [], []
    for gloss, sign in lexicon(name).items():
        parts.append(_shown(unpack(sign_track(sign, Manner())[:: round(CLOCK / FPS)]), signer))
        glosses += [gloss] * len(parts[-1])
    first = np.array([place == 0 or glosses[place - 1] != gloss for place, gloss in enumerate(glosses)])
    rest = _shown(neutral(), signer)
    return Template(rest, np.concatenate(parts), glosses, first, np.roll(first, -1))


def _shown(motion: Motion, signer: Signer) -> np.ndarray:
    """Return the hands of a motion (F, 42, 2)."""
    points, _ = keypoints(pose(motion, signer), SIZE)
    return hands(points * [SIZE[1], SIZE[0], 1])


def sequence(seen: np.ndarray, signs: Template) -> Reading:
    """Return the signs that hands (F, 42, 2) are nearest to, in their order."""
    apart, resting = _apart(seen, signs.hands), _apart(seen, signs.rest)[:, 0].clip(max=GAP)
    gap, cost = 0.0, np.full(apart.shape[1], np.inf)
    told: Reading = ()
    within: list[Reading] = [()] * apart.shape[1]  # what was read by the way to each state, itself included
    for frame, nothing in zip(apart, resting, strict=True):
        end = _best_end(cost, signs)
        if cost[end] < gap:
            gap, told = float(cost[end]), within[end]
        new, paths = np.full_like(cost, np.inf), list(within)
        for place in range(len(cost)):
            ways = _ways(place, cost, within, signs)
            if signs.first[place]:
                ways.append((gap + ENTRY, (*told, signs.glosses[place])))
            value, paths[place] = min(ways, key=lambda way: way[0])
            new[place] = value + frame[place]
        gap += nothing
        cost, within = new, paths
    end = _best_end(cost, signs)
    return within[end] if cost[end] < gap else told


def _apart(seen: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the mean distance of points (F, S) of hands (F, 42, 2) and (S, 42, 2)."""
    return np.asarray(np.linalg.norm(seen[:, None] - known[None], axis=-1).mean(-1))


def _ways(
    place: int, cost: np.ndarray, within: Sequence[Reading], signs: Template
) -> list[tuple[float, Reading]]:
    """Return how a frame of a sign is come to from the same sign: it stays, goes on, or leaves one out."""
    ways = [(float(cost[place]), within[place])]
    for back in (1, 2):
        if signs.first[place - back + 1]:
            break
        ways.append((float(cost[place - back]), within[place - back]))
    return ways


def _best_end(cost: np.ndarray, signs: Template) -> int:
    ends = np.flatnonzero(signs.last)
    return int(ends[cost[ends].argmin()])


if __name__ == "__main__":
    main()
