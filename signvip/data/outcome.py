"""What became of the clips of a shard, and how outcomes add up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from signvip.data.manifest import Counts
from signvip.data.summary import Summary
from signvip.errors import DataError


@dataclass
class Outcome:
    """The fate of the clips of a shard."""

    infos: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    fresh: int = 0  # frames that were made now


def noted(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is counted of a sample; DataError for one that was made by something else."""
    known = {name: info[name] for name in ("frames", "fps", "signer", "text") if name in info}
    if len(known) < 4:
        raise DataError("a sample's json lacks what preprocess writes; make its shard again")
    return known


def summary_of(outcomes: Collection[Outcome], fresh: int, seconds: float) -> Summary:
    """Add up what became of all clips."""
    infos = [info for outcome in outcomes for info in outcome.infos]
    reasons = [why for outcome in outcomes for why in outcome.failures.values()]
    return Summary.of(infos, reasons, fresh, seconds)


def counts_of(outcomes: Sequence[Outcome]) -> Counts:
    """Count the clips, frames and signers of a split."""
    infos = [info for outcome in outcomes for info in outcome.infos]
    failed = sum(len(outcome.failures) for outcome in outcomes)
    return Counts(
        clips_in=len(infos) + failed,
        clips_out=len(infos),
        failed=failed,
        frames=sum(info["frames"] for info in infos),
        seconds=round(sum(info["frames"] / info["fps"] for info in infos), 3),
        signers=len({info["signer"] for info in infos} - {None}),
    )
