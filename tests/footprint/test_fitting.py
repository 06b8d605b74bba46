"""A card that is too small: the sentence says what would fit. Cards and their errors are invented here."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from signvip.config import load_config
from signvip.errors import RunError
from signvip.footprint import advice as fitting
from signvip.footprint.activations import training_needs
from signvip.footprint.advice import explained, generation_that_fits, training_that_fits

GIB = 2**30


@pytest.fixture(scope="module")
def config():
    return load_config("tiny", settings=["stage1.image.clips=6"])


def test_fewer_clips_and_as_many_more_steps_are_named(config):
    [need] = training_needs(config, ["stage1 image"])
    said = training_that_fits(config, "stage1-image", int(1.1 * (need.weights + need.activations * 0.6)))
    assert said.startswith("stage1 image needs about") and "at 6 clips" in said
    assert said.endswith("--set stage1.image.clips=3 --set stage1.image.accumulation=2")


def test_the_section_of_the_pose_head_is_named_as_it_is_written(config):
    [need] = training_needs(config, ["stage2 poses"])
    said = training_that_fits(config, "stage2-poses", int(1.1 * (need.weights + need.activations * 0.6)))
    assert said.endswith("--set stage2_poses.clips=8 --set stage2_poses.accumulation=2")


def test_where_nothing_fits_checkpointing_is_named(config):
    assert "gradient checkpointing" in training_that_fits(config, "stage1-image", 2**20)


def test_a_phase_of_unknown_size_says_so():
    assert "fewer clips" in training_that_fits(load_config("tiny"), "stage1-vae", GIB)


def test_offloading_is_named_where_the_largest_part_fits():
    parts = {"vae": nn.Linear(10, 10), "denoiser": nn.Linear(1000, 1000)}
    assert "--offload keeps one part at a time on it, the largest (denoiser)" in generation_that_fits(
        parts, False, 5 * 2**20
    )
    assert "--device cpu" in generation_that_fits(parts, True, 2**20)


def test_torchs_error_becomes_a_sentence(monkeypatch):
    monkeypatch.setattr(fitting, "card_bytes", lambda: 8 * GIB)
    with pytest.raises(RunError, match="of 8 GiB"), explained(lambda card: f"of {card // GIB} GiB"):
        raise torch.OutOfMemoryError("CUDA out of memory")
