"""Clips of a split, as they are and as the run makes them: the rows of every table in which pictures are compared."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from signvip.data.baseline import STILL, counting, still
from signvip.errors import MismatchError
from signvip.stages.parts import tokens_of
from signvip.training.seeds import step_seed
from signvip_lab.evaluation.chain import Chain

TRUTH, REBUILT, GENERATED = "ground truth", "from true conditions", "from the text"
ROWS = (TRUTH, REBUILT, GENERATED, STILL)
OTHER_REFERENCE, SHUFFLED, WITHOUT = "another clip's reference", "conditions shuffled in time", "without {}"


@dataclass
class Made:
    """One clip: what is true of it and what was made of it. Frames (F, H, W, 3) uint8, tokens (F, N) on the CPU.

    Embeddings are not kept: at full size those of a split would fill a card, and any memory, at 2 MB a frame or more.
    """

    pick: int
    info: dict[str, Any]
    frames: np.ndarray
    keypoints: np.ndarray | None
    tokens: Tensor
    written: Tensor  # tokens that the translator wrote for the text
    rebuilt: np.ndarray | None = None
    generated: np.ndarray | None = None
    contrasts: dict[str, np.ndarray] = field(default_factory=dict)  # rebuilt from what is wrong, by its name
    seconds: float = 0.0

    @property
    def reference(self) -> np.ndarray:
        """The reference picture (H, W, 3): the last frame, as on dev."""
        return np.asarray(self.frames[-1])

    @property
    def still(self) -> np.ndarray:
        """The reference picture, as long as the clip."""
        return still(self.reference, len(self.frames))

    @cached_property
    def counts(self) -> np.ndarray:
        """Return which frames count where pictures are compared frame by frame: (F,) bool."""
        return counting(self.frames, self.reference)

    def videos(self) -> dict[str, np.ndarray]:
        """Return the pictures of each row; they were asked for."""
        assert self.rebuilt is not None and self.generated is not None
        made = {TRUTH: self.frames, REBUILT: self.rebuilt, **self.contrasts}
        return {**made, GENERATED: self.generated, STILL: self.still}


@torch.no_grad()
def make(chain: Chain, pick: int, seed: int, pixels: bool, contrasts: bool = False) -> Made:
    """Make one clip from its true conditions and from its text; `contrasts` adds what wrong conditions make of it."""
    info = chain.clips.info(pick)
    if abs(info["fps"] - chain.run.config.fps) > 1e-3:
        raise MismatchError(
            f"The clips have {info['fps']:g} frames a second, the run {chain.run.config.fps:g}; make the shards again "
            "with: signvip preprocess"
        )
    drawn = chain.clips.conditions(pick)
    e = chain.embed(drawn)
    tokens = tokens_of(chain.pipe.autoencoder, chain.clips, pick, lambda: e).cpu()
    clip = Made(pick, info, chain.truth(pick), _keypoints(chain, pick), tokens, written=tokens)
    if not pixels:
        clip.written = chain.translate(pick).cpu()
        return clip
    own = step_seed(seed, info["id"], 0)  # of the clip, so that a subset gives the same videos
    begin = time.perf_counter()
    clip.generated, written = chain.generate(pick, clip.reference, own)
    clip.seconds, clip.written = time.perf_counter() - begin, written.cpu()
    clip.rebuilt = chain.video(chain.guidance(drawn), clip.reference, own)
    if contrasts:
        clip.contrasts = _contrasts(chain, clip, drawn, own)
    return clip


def _contrasts(chain: Chain, clip: Made, drawn: Tensor, seed: int) -> dict[str, np.ndarray]:
    """Rebuild a clip from what is wrong: a model that follows its inputs is worse at it. drawn (F, K*3, H, W)."""
    order = torch.randperm(len(drawn), generator=torch.Generator().manual_seed(0))
    spoilt = {SHUFFLED: drawn[order]}
    for place, name in enumerate(chain.run.config.conditions):
        spoilt[WITHOUT.format(name)] = drawn.clone()
        spoilt[WITHOUT.format(name)][:, 3 * place : 3 * place + 3] = 0
    made = {name: chain.video(chain.guidance(wrong), clip.reference, seed) for name, wrong in spoilt.items()}
    if len(chain.clips) > 1:
        other = chain.truth((clip.pick + 1) % len(chain.clips))[-1]
        made[OTHER_REFERENCE] = chain.video(chain.guidance(drawn), other, seed)
    return made


def _keypoints(chain: Chain, pick: int) -> np.ndarray | None:
    index = chain.clips.index
    return index.keypoints(pick) if index.has_keypoints else None
