"""The loop: resuming equals never having stopped, and nothing is half-written."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import DistributedType
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from torch import nn

from signvip import stages
from signvip.config import Training, load_config
from signvip.errors import ConfigError, RunError
from signvip.progress import Silent
from signvip.storage.checkpoints import put_together
from signvip.storage.convert import convert
from signvip.training.devices import check_kind
from signvip.training.loop import run_loop
from signvip.training.resume import checkpoints


class Regression:
    """A phase with dropout, so that its randomness shows."""

    name = "regression"
    idle = False

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = _Loss()

    def batch(self, index):
        generator = torch.Generator().manual_seed(index)
        x = torch.randn(8, 4, generator=generator)
        return {"x": x, "y": x.sum(dim=1, keepdim=True)}

    def validate(self, folder: Path):
        (folder / "seen.txt").write_text("a look")
        return {"weight": float(self.module.layer.weight.sum())}


class _Loss(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.dropout = nn.Linear(4, 1), nn.Dropout(0.3)

    def forward(self, batch):
        loss = (self.layer(self.dropout(batch["x"])) - batch["y"]).square().mean()
        return loss, {"double": 2 * float(loss.detach())}


def settings(**changes) -> Training:
    values = {"steps": 12, "clips": 1, "learning_rate": 0.05, "schedule": "cosine", "warmup": 2, "ema": 0.9}
    return Training(
        **{**values, "checkpoint_every": 4, "validate_every": 6, "log_every": 2, "workers": 0, **changes}
    )


def run(folder: Path, **changes) -> Regression:
    phase = Regression()
    run_loop(phase, settings(**changes), folder, seed=3, precision="no", reporter=Silent())
    return phase


def weights(phase: Regression) -> torch.Tensor:
    return torch.cat([value.flatten() for value in phase.module.state_dict().values()])


def test_it_learns(tmp_path):
    run(tmp_path, steps=200, checkpoint_every=200, validate_every=200)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss"] for row in rows if "loss" in row]
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


class Stop(Exception):
    pass


@pytest.mark.parametrize("accumulation", [1, 2])
def test_resume_equals_never_having_stopped(tmp_path, monkeypatch, accumulation):
    whole = run(tmp_path / "whole", accumulation=accumulation)
    stopped = Regression()
    forward = stopped.module.forward
    calls = iter(range(100))

    def dies_at_the_eighth_step(batch):
        if next(calls) == 8 * accumulation - 1:
            raise Stop
        return forward(batch)

    monkeypatch.setattr(stopped.module, "forward", dies_at_the_eighth_step)
    with pytest.raises(Stop):
        options = settings(accumulation=accumulation)
        run_loop(stopped, options, tmp_path / "cut", seed=3, precision="no", reporter=Silent())
    assert [path.name for path in checkpoints(tmp_path / "cut")] == ["checkpoint-0000004"]
    resumed = run(tmp_path / "cut", accumulation=accumulation)
    assert torch.equal(weights(whole), weights(resumed))


def test_accumulation_takes_each_batch_once(tmp_path):
    seen = []
    phase = Regression()
    original = phase.batch
    phase.batch = lambda index: seen.append(index) or original(index)
    run_loop(
        phase,
        settings(steps=3, accumulation=2),
        tmp_path,
        seed=0,
        precision="no",
        reporter=Silent(),
    )
    assert seen == [0, 1, 2, 3, 4, 5]


class Samples(Regression):
    """Without dropout, and each sample by its number: the batches of a step may be cut anywhere."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count, self.module.dropout = count, nn.Identity()

    def batch(self, index):
        numbers = range(index * self.count, (index + 1) * self.count)
        x = torch.stack([torch.randn(4, generator=torch.Generator().manual_seed(n)) for n in numbers])
        return {"x": x, "y": x.sum(dim=1, keepdim=True)}


def test_accumulated_steps_equal_one_with_the_whole_batch(tmp_path):
    made = []
    for count, accumulation in ((12, 1), (4, 3)):
        phase = Samples(count)
        options = settings(accumulation=accumulation)
        run_loop(phase, options, tmp_path / str(count), seed=3, precision="no", reporter=Silent())
        made.append(weights(phase))
    torch.testing.assert_close(*made, rtol=0, atol=1e-6)


class Listener(Silent):
    def __init__(self) -> None:
        self.heard: list[str] = []

    def say(self, message: str) -> None:
        self.heard.append(message)


def test_only_what_trains_is_optimised_and_told(tmp_path):
    phase, listener = Regression(), Listener()
    phase.module.layer.bias.requires_grad_(False)
    run_loop(phase, settings(), tmp_path, seed=3, precision="no", reporter=listener)
    assert listener.heard == ["regression trained: all 0.000 M; frozen: all 0.000 M"]
    stored = load_file(checkpoints(tmp_path)[-1] / "state.safetensors")
    assert [value.shape for name, value in stored.items() if name.endswith("exp_avg")] == [(1, 4)]


@pytest.mark.parametrize(
    ("kind", "ema", "sentence"),
    [
        (DistributedType.DEEPSPEED, 0.0, "fsdp_version 2, or MULTI_GPU"),
        (DistributedType.FSDP, 0.99, "ema=0.99.*set ema=0"),
    ],
)
def test_ways_of_sharing_that_could_not_be_resumed_are_refused(kind, ema, sentence):
    shared = SimpleNamespace(distributed_type=kind, is_fsdp2=True)
    with pytest.raises(ConfigError, match=sentence):
        check_kind(shared, "stage2", settings(ema=ema))


def test_the_optimizer_of_another_library_names_what_to_install(tmp_path):
    if find_spec("bitsandbytes") is not None:
        pytest.skip("bitsandbytes is installed")
    with pytest.raises(ConfigError, match=r"signvip\[gpu\]"):
        run(tmp_path, optimizer="adamw8bit")


def test_a_process_trains_in_one_precision_after_another(tmp_path):
    for precision in ("no", "bf16", "no"):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        run_loop(Regression(), settings(), folder, seed=3, precision=precision, reporter=Silent())
        assert AcceleratorState().mixed_precision == precision


def test_half_precision_on_a_cpu_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="--set precision=no"):
        run_loop(Regression(), settings(), tmp_path / "a", seed=3, precision="fp16", reporter=Silent())
    with pytest.raises(ConfigError, match="--set precision=no"):
        stages.train(load_config("rwth"), 1, shards=tmp_path, run=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_cut_short_is_a_sentence(tmp_path):
    run(tmp_path)
    file = next(checkpoints(tmp_path)[-1].glob("model.safetensors"))
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(RunError, match="cannot be resumed"):
        run(tmp_path, steps=20)


def test_averaged_weights_are_what_is_left(tmp_path):
    averaged, last = run(tmp_path / "a"), run(tmp_path / "b", ema=0.0)
    assert not torch.equal(weights(averaged), weights(last))


def as_accelerate_wrote(folder: Path) -> None:
    """Make of a checkpoint what versions before wrote: pickles beside the weights."""
    tree = json.loads((folder / "state.json").read_text())
    states = put_together(load_file(folder / "state.safetensors"), tree)
    names = {"optimizer": "optimizer.bin", "schedule": "scheduler.bin", "averages": "custom_checkpoint_0.pkl"}
    for name, file in names.items():
        torch.save(states[name], folder / file)
    for name in ("state.json", "state.safetensors"):
        (folder / name).unlink()


def test_a_checkpoint_holds_no_pickle_and_an_old_one_is_refused_until_it_is_converted(tmp_path):
    whole = run(tmp_path / "whole")
    folder = tmp_path / "run" / "training" / "regression"
    run(folder, steps=8)
    last = checkpoints(folder)[-1]
    assert {path.suffix for path in last.iterdir()} == {".safetensors", ".json"}
    as_accelerate_wrote(last)
    with pytest.raises(RunError, match=f"signvip convert {tmp_path / 'run'}$"):
        run(folder)
    assert len(convert(tmp_path / "run")) == 2
    # the schedule of the first steps was made for fewer of them: only a whole training of as many is the same
    resumed, straight = run(folder, steps=8), run(tmp_path / "straight", steps=8)
    assert torch.equal(weights(resumed), weights(straight)) and not torch.equal(
        weights(whole), weights(resumed)
    )
