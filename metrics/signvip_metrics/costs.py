"""The costs of generation (Table 7)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from signvip.measures import Cost, Measure, check_pairs


class CostMeasure(Measure):
    """A cost: lower is better; the second set is not looked at."""

    takes = "costs"
    higher_is_better = False


class SecondsPerFrame(CostMeasure):
    """Wall seconds for one generated frame, from text to pixels, median over clips.

    Depends on the machine, the steps, the guidance and the size: they are printed with the results.
    """

    signature = "wall clock, text to pixels, median over clips"
    unit = "s"

    def __call__(self, generated: Sequence[Cost], truth: Sequence[Cost]) -> dict[str, float]:
        check_pairs("seconds_per_frame", generated, truth)
        return {"seconds_per_frame": float(np.median([cost.seconds / cost.frames for cost in generated]))}


class Parameters(CostMeasure):
    """Millions of parameters that generation reads, without a pretrained text encoder."""

    signature = "millions, of what generate reads"
    unit = "millions"

    def __call__(self, generated: Sequence[Cost], truth: Sequence[Cost]) -> dict[str, float]:
        check_pairs("parameters", generated, truth)
        return {"parameters": max(cost.parameters for cost in generated) / 1e6}
