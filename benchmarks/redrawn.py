"""How much of drawn conditions can be read back off their embeddings, in hands: what no denoiser can make up for.

    python benchmarks/redrawn.py RUN SHARDS --output redrawn.json

A head of three convolutions learns to draw the conditions again from e, on frames of the train split, for a run's
condition encoder, for what guides its pictures where that is another, and for an encoder of random weights: a floor
that an encoder should not fall under. Scores are of the dev split: the share of the drawings' variance inside the boxes
of hands that is read (R2), by condition.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from signvip.data.picture_scores import hand_boxes
from signvip.data.pixels import to_model
from signvip.models import ConditionEncoder
from signvip.models.networks import new_video_networks
from signvip.models.redrawing import Redrawing
from signvip.run import Run, find_run
from signvip.stages.clips import Clips
from signvip.stages.parts import guiding_encoder

STEPS, FRAMES, RATE, HANDS = 600, 8, 2e-3, 9.0  # of the head's training: frames of a step, weight of hands


class Drawings(NamedTuple):
    """Drawings (N, K*3, H, W) in [-1, 1], and where hands are in them (N, H, W)."""

    drawn: Tensor
    hands: Tensor


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run")
    parser.add_argument("shards", type=Path)
    parser.add_argument("--clips", type=int, default=100, help="of the train split; a tenth as many of dev")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    run = Run.open(find_run(options.run))
    train = drawings(Clips(options.shards, "train", run.config), options.clips)
    dev = drawings(Clips(options.shards, "dev", run.config), max(1, options.clips // 10))
    found = {}
    for name, encoder in encoders(run).items():
        torch.manual_seed(0)
        found[name] = measure(encoder.eval(), train, dev, list(run.config.conditions))
        print(
            f"{name:40}", {condition: round(value, 3) for condition, value in found[name].items()}, flush=True
        )
    if options.output is not None:
        options.output.write_text(json.dumps(found, indent=2) + "\n")


def encoders(run: Run) -> dict[str, ConditionEncoder]:
    """Return the encoders to compare, by what they are."""
    own, guiding = run.load("condition_encoder", ConditionEncoder), guiding_encoder(run)
    torch.manual_seed(0)
    found = {"random weights": new_video_networks(run.config).encoder, "the run's, which makes tokens": own}
    same = all(
        torch.equal(left, right) for left, right in zip(own.parameters(), guiding.parameters(), strict=True)
    )
    return found if same else {**found, "what guides its pictures": guiding}


def drawings(clips: Clips, count: int, frames: int = 6) -> Drawings:
    """Draw some frames of some clips."""
    drawn, hands = [], []
    for clip in range(min(count, len(clips))):
        total = clips.info(clip)["frames"]
        picks = np.linspace(0.1 * total, 0.9 * total - 1, frames).astype(int)
        drawn.append(clips.conditions(clip, picks))
        for points in clips.index.keypoints(clip)[picks]:
            where = torch.zeros(*clips.size)
            for rows, columns in hand_boxes(points, clips.size):
                where[rows, columns] = 1
            hands.append(where)
    return Drawings(to_model(torch.cat(drawn)), torch.stack(hands))


def measure(
    encoder: ConditionEncoder, train: Drawings, dev: Drawings, conditions: list[str]
) -> dict[str, float]:
    """Train a head on one split and return what it reads of the other."""
    with torch.no_grad():
        e, seen = (torch.cat([encoder(part) for part in each.drawn.split(16)]) for each in (train, dev))
    mean, deviation = e.mean((0, 2, 3), keepdim=True), e.std((0, 2, 3), keepdim=True) + 1e-6
    head = Redrawing(e.shape[1], train.drawn.shape[1], encoder.factor)
    optimizer = torch.optim.AdamW(head.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        picks = torch.randint(0, len(e), (FRAMES,))
        loss = head((e[picks] - mean) / deviation, train.drawn[picks], 1 + (HANDS - 1) * train.hands[picks])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        read = torch.cat([head.layers((part - mean) / deviation) for part in seen.split(16)])
    return {
        name: explained(
            read[:, 3 * place : 3 * place + 3], dev.drawn[:, 3 * place : 3 * place + 3], dev.hands
        )
        for place, name in enumerate(conditions)
    }


def explained(read: Tensor, drawn: Tensor, hands: Tensor) -> float:
    """Share of the variance of drawings (N, 3, H, W) that is read, where hands are (N, H, W)."""
    where = hands[:, None].expand_as(drawn) > 0
    mean = (drawn * where).sum((0, 2, 3), keepdim=True) / where.sum((0, 2, 3), keepdim=True)
    lost, all_of_it = (((each - drawn) ** 2)[where].sum() for each in (read, mean))
    return 1 - float(lost / all_of_it)


if __name__ == "__main__":
    main()
