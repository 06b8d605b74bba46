"""Numbers that are not finite stop a training and are not kept; a training that was killed logs and validates as one
that was not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from signvip.config import Training
from signvip.errors import RunError
from signvip.progress import Silent
from signvip.training.loop import run_loop
from signvip.training.resume import checkpoints


class _Line(nn.Module):
    def __init__(self, goes_wrong) -> None:
        super().__init__()
        self.layer, self.goes_wrong = nn.Linear(2, 1), goes_wrong

    def forward(self, batch):
        loss = self.layer(batch["x"]).square().mean()
        return self.goes_wrong(self, loss, int(batch["step"])), {}


class Line:
    name, idle = "line", False

    def __init__(self, goes_wrong=lambda module, loss, step: loss, dies_in=None) -> None:
        torch.manual_seed(0)
        self.module, self.dies_in, self.validated = _Line(goes_wrong), dies_in, []

    def batch(self, index):
        return {"x": torch.randn(4, 2, generator=torch.Generator().manual_seed(index))}

    def validate(self, folder: Path):
        self.validated.append(int(folder.name[5:]))
        if self.dies_in == self.validated[-1]:
            raise KeyboardInterrupt
        return {"weight": float(self.module.layer.weight.sum())}


def run(folder, phase, **changes):
    values = {
        "steps": 9,
        "clips": 1,
        "learning_rate": 0.1,
        "workers": 0,
        "checkpoint_every": 4,
        "log_every": 2,
    }
    training = Training(**{**values, "validate_every": 3, **changes})
    run_loop(phase, training, folder, seed=1, precision="no", reporter=Silent())
    return phase


def infinite_loss(module, loss, step):
    return loss / 0 if step == 6 else loss


def infinite_gradient(module, loss, step):
    root = (module.layer.weight.sum() * 0).abs().sqrt()  # 0, and its slope is not
    return loss + root if step == 6 else loss


def infinite_weight(module, loss, step):
    if step == 7:
        module.layer.weight.data.fill_(float("inf"))
        return module.layer.bias.square().sum()
    return loss


@pytest.mark.parametrize("goes_wrong", [infinite_loss, infinite_gradient, infinite_weight])
@pytest.mark.parametrize("options", [{"ema": 0.9}, {"clip_norm": 0.0}], ids=["ema", "unclipped"])
def test_what_is_not_finite_stops_the_training_and_is_not_kept(tmp_path, goes_wrong, options):
    with pytest.raises(RunError, match=r"[a-z0-9_]+ went astray by step [78].*checkpoint-0000004 is kept.*"):
        run(tmp_path, Line(goes_wrong), **options)
    assert [path.name for path in checkpoints(tmp_path)] == ["checkpoint-0000004"]
    rows = (tmp_path / "metrics.jsonl").read_text()
    assert "NaN" not in rows and "Infinity" not in rows


def test_nothing_is_kept_of_a_training_that_began_astray(tmp_path):
    with pytest.raises(RunError, match=r"by step 2:.*no checkpoint"):
        run(tmp_path, Line(lambda module, loss, step: loss * float("nan")))
    assert not checkpoints(tmp_path)


def test_a_checkpoint_that_is_not_finite_is_not_resumed(tmp_path):
    run(tmp_path, Line())
    path = checkpoints(tmp_path)[-1] / "model.safetensors"
    save_file({**load_file(path), "layer.bias": torch.tensor([float("nan")])}, path)
    with pytest.raises(RunError, match=r"checkpoint-0000009 holds numbers that are not finite; remove"):
        run(tmp_path, Line(), steps=12)


@pytest.mark.parametrize("last", [3, 6, 9])
def test_a_training_killed_in_a_validation_does_it_again_and_logs_the_same(tmp_path, last):
    whole = run(tmp_path / "whole", Line(), checkpoint_every=3)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", Line(dies_in=last), checkpoint_every=3)
    with (tmp_path / "cut" / "metrics.jsonl").open("a") as file:
        file.write('{"step": ')  # killed as it wrote
    again = run(tmp_path / "cut", Line(), checkpoint_every=3)
    assert again.validated == [step for step in whole.validated if step >= last]
    logged = [(tmp_path / name / "metrics.jsonl").read_text() for name in ("whole", "cut")]
    assert logged[0] == logged[1] and len(logged[0].splitlines()) == 8
    assert run(tmp_path / "cut", Line(), checkpoint_every=3).validated == []
    assert json.loads(logged[0].splitlines()[-1]).keys() == {"step", "dev/weight"}
