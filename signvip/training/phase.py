"""What the loop asks of a phase of training: a module with a loss, batches, and numbers over the dev split."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn


class Phase(Protocol):
    """A stage of the paper, as the loop sees it."""

    name: str

    @property
    def idle(self) -> bool:
        """Return whether a step may leave some parameters without a gradient, which several processes must know."""
        ...

    @property
    def module(self) -> nn.Module:
        """Called as module(batch) -> (loss, values); what requires no gradient is frozen.

        Values are scalars to log, on the card until they are read. Networks that a step only reads are held
        by `trainable.Frozen`. The loop adds batch["step"], so that a draw can be one for all processes.
        """
        ...

    def batch(self, index: int) -> dict[str, Any]:
        """Return the batch of one step, a pure function of its index; runs in a worker process."""
        ...

    def validate(self, folder: Path) -> dict[str, float]:
        """Return numbers over the dev split; pictures to look at go to `folder`. The main process alone is asked.

        A phase that is also `validation.Measured` is asked for sums instead, every process for its share of the clips.
        """
        ...
