"""A phase of a few weights for tests of the training loop; what the loop does to them can be followed by hand."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from signvip.config import Training
from signvip.progress import Silent
from signvip.training.loop import run_loop


class Watched(nn.Module):
    """A loss of slope `batch["slope"]` in two weights; notes what it sees at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0, -3.0]))
        self.seen: list[torch.Tensor] = []
        self.drawn: list[float] = []
        self.steps: list[int] = []

    def forward(self, batch):
        self.seen.append(self.weight.detach().clone())
        self.drawn.append(float(torch.rand(())))
        self.steps.append(batch["step"])
        return (self.weight * batch["slope"]).sum(), {}


class WatchedPhase:
    """Batch number i has the i-th slope; validation notes the weights that it is shown."""

    idle = False

    def __init__(self, slopes, name: str = "watched") -> None:
        self.name, self.slopes, self.module = name, slopes, Watched()
        self.asked: list[int] = []
        self.validated: list[torch.Tensor] = []

    def batch(self, index):
        self.asked.append(index)
        return {"slope": torch.tensor(self.slopes[index % len(self.slopes)])}

    def validate(self, folder: Path):
        assert not self.module.training and not torch.is_grad_enabled()
        self.validated.append(self.module.weight.detach().clone())
        return {"drawn": float(torch.rand(()))}


def watch(folder, *, slopes=((1.0, 1.0),), name="watched", seed=0, **changes) -> WatchedPhase:
    """Train for as many steps as are asked for, validating at the end alone; what was seen is in the phase."""
    phase = WatchedPhase(slopes, name)
    values = {"steps": 6, "clips": 1, "learning_rate": 0.1, "workers": 0, **changes}
    run_loop(phase, Training(**values), Path(folder), seed=seed, precision="no", reporter=Silent())
    return phase
