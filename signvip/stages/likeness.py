"""Measure the usual range of stage I's references, to tell later whether a picture is like any of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from signvip.data.likeness import FEWEST, Likeness
from signvip.stages.clips import Clips

MOST = 128  # clips that are looked at
_SIGNERS = 8  # of fewer, clips are left out and not signers


def references_of(clips: Clips) -> dict[str, Any] | None:
    """Measure first and middle frames of clips over the whole split; None where there are too few to say anything."""
    if len(clips) < FEWEST:
        return None
    picks = np.unique(np.linspace(0, len(clips) - 1, MOST).round().astype(int)).tolist()
    pictures: list[np.ndarray] = []
    groups: list[str] = []
    several = len({clips.info(clip)["signer"] for clip in picks} - {None}) >= _SIGNERS
    for clip in picks:
        info = clips.info(clip)
        found = clips.frames(clip, [0, info["frames"] // 2]).permute(0, 2, 3, 1).numpy()
        pictures += list(found)
        groups += [str(info["signer"]) if several and info["signer"] else f"{clip} of {len(clips)}"] * len(
            found
        )
    return Likeness.measure(pictures, groups).as_json()
