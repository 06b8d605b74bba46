"""What is random in a step: its own, repeatable, and another in each step, part, process, phase and seed."""

from __future__ import annotations

import pytest
from accelerate import Accelerator
from regression import watch

from signvip.stages.clips import Draws
from signvip.training import devices


def test_every_step_and_every_part_of_one_draws_other_numbers(tmp_path):
    phase = watch(tmp_path, steps=20, accumulation=2)
    assert len(phase.module.drawn) == len(set(phase.module.drawn)) == 40
    assert phase.module.steps == [
        step for step in range(20) for _ in range(2)
    ]  # a step's parts share its number


def test_the_same_training_draws_the_same_numbers_and_another_seed_or_phase_does_not(tmp_path):
    kinds = {"first": {}, "again": {}, "seed": {"seed": 1}, "phase": {"name": "another"}}
    drawn = {key: watch(tmp_path / key, **kind).module.drawn for key, kind in kinds.items()}
    assert drawn["first"] == drawn["again"]
    assert not set(drawn["first"]) & (set(drawn["seed"]) | set(drawn["phase"]))


@pytest.mark.parametrize("validate_every", [1, 6])
def test_neither_validation_nor_a_stop_changes_what_is_drawn(tmp_path, validate_every):
    whole = watch(tmp_path / "whole", checkpoint_every=3)
    cut = watch(tmp_path / "cut", steps=3, checkpoint_every=3, validate_every=validate_every)
    rest = watch(tmp_path / "cut", steps=6, checkpoint_every=3, validate_every=validate_every)
    assert cut.module.drawn + rest.module.drawn == whole.module.drawn
    assert cut.asked + rest.asked == whole.asked == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_processes_draw_other_numbers_and_take_other_batches(tmp_path, monkeypatch, accumulation):
    """Two processes see, in the order of steps, what one sees with twice the parts."""
    phases = []
    for rank in range(2):

        class One(Accelerator):
            num_processes, process_index, is_main_process = 2, rank, rank == 0

        monkeypatch.setattr(devices, "Accelerator", One)
        phases.append(watch(tmp_path / str(rank), steps=3, accumulation=accumulation))
    first, second = phases
    assert sorted(first.asked + second.asked) == list(range(6 * accumulation))
    assert not set(first.module.drawn) & set(second.module.drawn)
    assert first.module.steps == second.module.steps


def test_samples_have_numbers_of_their_own_whatever_batch_they_fall_into():
    """Two processes, or two parts of a step, draw what one batch of twice the size draws."""

    def drawn(batch, count, phase="stage2", seed=0):
        return [float(draws.random.random()) for draws in Draws.of_batch(seed, phase, batch, count)]

    assert drawn(0, 4) + drawn(1, 4) == drawn(0, 8)
    assert len(set(drawn(0, 8))) == 8
    assert not set(drawn(0, 8)) & set(drawn(0, 8, phase="stage3")) and drawn(0, 1) != drawn(0, 1, seed=1)
