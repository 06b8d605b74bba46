"""Frames and enlarged right hands of three clips, in four rows each, as `hands.png`.

python docs/results/embedded/hands.py [RUN]

Rows are the truth, the VAE alone, from true conditions, and from the text, of which the frame is shown whose hand is
nearest to that of the truth, within eight frames of where it should come.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from signvip.contracts import RIGHT_HAND
from signvip.data.pixels import to_model, to_pixels
from signvip.generate import GenerateOptions, embedded_run
from signvip.models.vae import decode_latents, encode_images
from signvip_lab.evaluation.chain import Chain

CLIPS, COLUMNS, SIDE, SHOWN, GAP, NEAR = (0, 1, 2), 6, 44, 96, 8, 8


@torch.no_grad()
def sheet(chain: Chain, clip: int) -> np.ndarray:
    """Four rows of one clip (4*SHOWN, COLUMNS*2*SHOWN, 3)."""
    pipe, truth = chain.pipe, chain.truth(clip)
    points = chain.clips.index.keypoints(clip).astype(np.float32) * [*reversed(chain.clips.size), 1]
    latents, _ = encode_images(pipe.vae, to_model(torch.from_numpy(truth).permute(0, 3, 1, 2)))
    e = pipe.embed(chain.translate(clip))
    written = pipe.poses(e, truth[-1]).numpy()
    rows = [
        (truth, points),
        (to_pixels(decode_latents(pipe.vae, latents)), points),
        (chain.video(chain.guidance(chain.clips.conditions(clip)), truth[-1], 0), points),
        (chain.video(pipe.guide(e, truth[-1]), truth[-1], 0), written),
    ]
    raised = np.flatnonzero(points[:, RIGHT_HAND.start, 2] > 0)
    raised = raised[
        points[raised, RIGHT_HAND.start, 1] < np.quantile(points[raised, RIGHT_HAND.start, 1], 0.8)
    ]
    picks = raised[np.linspace(2, len(raised) - 3, COLUMNS).round().astype(int)]
    matched = [nearest(points[pick], written, pick * len(written) / len(truth)) for pick in picks]
    return np.concatenate([row(*each, picks if place < 3 else matched) for place, each in enumerate(rows)])


def nearest(hand: np.ndarray, poses: np.ndarray, place: float) -> int:
    """Return the frame, near to a place in time, whose right hand is likest to that of a pose (128, 3)."""
    first, last = max(0, round(place) - NEAR), min(len(poses), round(place) + NEAR + 1)
    apart = poses[first:last, RIGHT_HAND, :2] - hand[RIGHT_HAND, :2]
    return first + int(np.abs(apart).mean(axis=(1, 2)).argmin())


def row(frames: np.ndarray, points: np.ndarray, picks: list[int]) -> np.ndarray:
    cells = []
    for pick in picks:
        middle = points[pick, RIGHT_HAND, :2].mean(axis=0).clip(SIDE / 2, frames.shape[1] - SIDE / 2)
        left, top = (middle - SIDE / 2).round().astype(int).tolist()
        whole = Image.fromarray(frames[pick])
        hand = whole.crop((left, top, left + SIDE, top + SIDE))
        cells += [np.asarray(each.resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)) for each in (whole, hand)]
    return np.concatenate(cells, axis=1)


run = Path(sys.argv[1]) if len(sys.argv) > 1 else embedded_run()
chain = Chain.open(run, embedded_run() / "clips", "test", GenerateOptions())
chain.pipe.set_progress_bar_config(disable=True)
sheets = [sheet(chain, clip) for clip in CLIPS]
space = np.full((GAP, sheets[0].shape[1], 3), 255, np.uint8)
whole = np.concatenate([part for each in sheets for part in (each, space)][:-1])
Image.fromarray(whole).quantize(256).save(Path(__file__).with_suffix(".png"))
