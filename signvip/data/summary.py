"""Summarize a run of `preprocess` in numbers for a person to read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_PLACES = re.compile(
    r"\S*/\S+|'[^']*'|\d+(\.\d+)?"
)  # paths, names and numbers, of which each clip has its own


@dataclass(frozen=True)
class Summary:
    """Clips in and out, and how long and how fast."""

    clips_in: int
    clips_out: int
    failed: dict[str, int]  # clips by reason
    hours: float  # of the clips that came out
    mean_seconds: float
    signers: int
    texts: int
    frames_per_second: float | None  # of those that were made now, None where none was

    @classmethod
    def of(
        cls, infos: Iterable[Mapping[str, Any]], reasons: Iterable[str], made: int, seconds: float
    ) -> Summary:
        """Summarize the notes of each clip that came out, and how many seconds `made` frames took."""
        infos, reasons = list(infos), Counter(map(kind, reasons))
        lengths = [info["frames"] / info["fps"] for info in infos]
        return cls(
            clips_in=len(infos) + reasons.total(),
            clips_out=len(infos),
            failed=dict(reasons.most_common()),
            hours=sum(lengths) / 3600,
            mean_seconds=sum(lengths) / len(lengths) if lengths else 0.0,
            signers=len({info["signer"] for info in infos} - {None}),
            texts=len({info["text"] for info in infos}),
            frames_per_second=made / seconds if made else None,
        )

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield the lines to print, each a name and a value."""
        yield "clips", f"{self.clips_out} of {self.clips_in}"
        for reason, count in self.failed.items():
            yield "failed", f"{count}: {reason}"
        yield "length", f"{self.hours:.2f} h, {self.mean_seconds:.1f} s a clip"
        yield "signers", str(self.signers) if self.signers else "not said"
        yield "texts", f"{self.texts} different"
        if self.frames_per_second is not None:
            yield "speed", f"{self.frames_per_second:.1f} frames a second"


def kind(reason: str) -> str:
    """Return a reason without what differs from clip to clip."""
    return _PLACES.sub("…", reason)
