"""What a request asks for, once it was looked at: small enough to wait in a queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from signvip.origin.record import Origin


@dataclass(frozen=True)
class Order:
    """A request that can be made, with everything that is known of it beforehand."""

    passages: tuple[str, ...]  # of the text, each signed by itself
    language: str | None  # as the translator is given it
    steps: int | None
    picture: np.ndarray  # (H, W, 3) uint8, as the run sees it
    origin: Origin
    uploaded: bool  # whether somebody sent the picture
    warnings: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """Return what a sidecar says of who and where, and of the rest that was asked for."""
        facts = self.origin.facts()
        if facts["consent"] is None:
            facts["consent"] = (
                "not stated" if self.uploaded else "not needed: the picture ships with the model"
            )
        return facts | {"where": facts["where"] or "not stated", "warnings": list(self.warnings)}
