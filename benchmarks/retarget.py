"""Poses of a text beside the signer of its picture: as they are read, and moved there; how far off, and what is drawn.

    python benchmarks/retarget.py RUN SHARDS --clips 60 --frames 16 --output retarget.json

Of each test clip the text is translated, and its own last frame is the reference. `off` is the mean distance in pixels
of a part's landmarks, at their usual places, from where the clip's keypoints have them in that picture. `Face SSIM` is
of the frames in the middle of the video beside the reference, in the box of its face: heads hardly move, and a second
pair of eyes costs most of it. `by true keypoints` moves the poses by what the shards know instead of what is read;
`true conditions` are those of the clip's own middle. Brackets hold the 95 % interval of a bootstrap over clips; the
second table has each row less `as read`, by pairs.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from steps import show
from torch import Tensor

from signvip.data.picture_scores import face_ssim
from signvip.generate import GenerateOptions
from signvip.models.retargeting import PARTS, retarget, usual_places
from signvip.stages.poses import in_picture
from signvip_lab.evaluation.chain import Chain

READ, MOVED, KNOWN, TRUE = "as read", "moved", "by true keypoints", "true conditions"
NAMES = ("head", "shoulders")
Scores = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--frames", type=int, default=16, help="from the middle of each video")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    chain = Chain.open(options.run, options.shards, options.split, GenerateOptions())
    chain.pipe.set_progress_bar_config(disable=True)
    clips = []
    for clip in range(min(options.clips, len(chain.clips))):
        clips.append(measure(chain, clip, options.frames))
        print(clip, {row: round(scores["Face SSIM"], 3) for row, scores in clips[-1].items()}, flush=True)
    rows = {row: {name: [clip[row][name] for clip in clips] for name in clips[0][row]} for row in clips[0]}
    show(rows, READ)
    if options.output is not None:
        options.output.write_text(json.dumps({"clips": len(clips), "rows": rows}, indent=2) + "\n")


@torch.no_grad()
def measure(chain: Chain, clip: int, frames: int) -> dict[str, Scores]:
    """Return the scores of one clip by row."""
    pipe, truth = chain.pipe, chain.truth(clip)
    reference, stored = truth[-1], in_picture(chain.clips.index.keypoints(clip))
    known = torch.from_numpy(stored[-1] * np.float32([*reversed(chain.clips.size), 1]))
    read = pipe.read_poses(pipe.embed(chain.translate(clip)))
    rows = {READ: read, MOVED: retarget(read, pipe.find_signer(reference)), KNOWN: retarget(read, known)}
    box = np.repeat(stored[-1:], frames, 0)
    found = {}
    for row, poses in rows.items():
        e = pipe.pose_drawer.embed(middle(poses, frames))
        found[row] = {"Face SSIM": face(chain, e, reference, box, clip), **off(poses, known)}
    e = chain.guidance(middle(chain.clips.conditions(clip), frames))
    return {**found, TRUE: {"Face SSIM": face(chain, e, reference, box, clip)}}


def middle(frames: Tensor, count: int) -> Tensor:
    first = max(0, (len(frames) - count) // 2)
    return frames[first : first + count]


def face(chain: Chain, e: Tensor, reference: np.ndarray, points: np.ndarray, seed: int) -> float:
    """Return the SSIM of generated frames beside the reference picture in the box of its face."""
    made = chain.video(e, reference, seed)
    return float(face_ssim(made, np.repeat(reference[None], len(made), 0), points[: len(made)]))


def off(poses: Tensor, known: Tensor) -> Scores:
    """Return how many pixels landmarks are off on the mean, of each part."""
    found = {}
    for name, part in zip(NAMES, PARTS, strict=True):
        own, signer = usual_places(poses[:, part.landmarks]), known[list(part.landmarks)]
        both = (own[:, 2] > 0) & (signer[:, 2] > 0)
        found[f"{name} off"] = float((own - signer)[both, :2].norm(dim=-1).mean())
    return found


if __name__ == "__main__":
    main()
