"""Choose the clips of the dev split that a phase is measured on, and share them between processes.

While a phase trains, a fixed sample is enough to see where it goes; its last step sees the whole split. Phases give
sums over clips, so that what several processes found adds up to what one would have found.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

from accelerate.utils import gather_object

if TYPE_CHECKING:
    from torch import Tensor

    from signvip.training.phase import Phase

SAMPLE_CLIPS = 64
# that networks see of all clips together; docs/how-to/training.md says what they cost
SAMPLE_FRAMES, SPLIT_FRAMES = 1024, 16384

Sums = Mapping[str, "float | Tensor"]
"""What a phase adds up over clips; tensors are on the CPU."""


@dataclass(frozen=True)
class Share:
    """Clips to measure, of which a process takes every `world`th; and how many frames of them all are enough."""

    clips: tuple[int, ...]
    frames: int = SPLIT_FRAMES
    rank: int = 0
    world: int = 1

    @classmethod
    def of(cls, total: int, *, seed: int, whole: bool, rank: int = 0, world: int = 1) -> Share:
        """Return the whole split of `total` clips, or the sample that belongs to a seed."""
        if whole or total <= SAMPLE_CLIPS:
            return cls(tuple(range(total)), SPLIT_FRAMES if whole else SAMPLE_FRAMES, rank, world)
        shuffled = sorted(range(total), key=lambda clip: zlib.crc32(f"{seed}/dev/{clip}".encode()))
        return cls(tuple(sorted(shuffled[:SAMPLE_CLIPS])), SAMPLE_FRAMES, rank, world)

    def own(self, most: int | None = None) -> tuple[int, ...]:
        """Return the clips of this process, of the first `most` of all."""
        return self.clips[:most][self.rank :: self.world]

    def picks(self, frames: int) -> list[int]:
        """Return which frames of a clip to measure, evenly spread where it has more than its share."""
        count = min(frames, max(1, self.frames // len(self.clips)))
        return [(2 * place + 1) * frames // (2 * count) for place in range(count)]


class Measured(Protocol):
    """A phase whose processes validate together."""

    dev: Sized

    def measure(self, share: Share, folder: Path) -> Sums:
        """Return sums over this process's clips; pictures to look at go to `folder`."""
        ...

    def scores(self, sums: Sums) -> dict[str, float]:
        """Return numbers to log, from the sums of all processes."""
        ...


def is_measured(phase: Phase | Measured) -> TypeGuard[Measured]:
    """Return whether a phase's validation can be shared; others leave it to the main process."""
    return hasattr(phase, "measure") and hasattr(phase, "scores")


def together(sums: Sums) -> Sums:
    """Add up what all processes found; every process has to come here, even with nothing in hand."""
    return add(gather_object([dict(sums)]))


def add(parts: Sequence[Sums]) -> dict[str, Any]:
    """Add up sums by name."""
    total: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total[name] + value if name in total else value
    return total


def mean_scores(sums: Sums) -> dict[str, float]:
    """Divide each sum by how many were added up, which stands under "count"."""
    return {name: float(value / sums["count"]) for name, value in sums.items() if name != "count"}
