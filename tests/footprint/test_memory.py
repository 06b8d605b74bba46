"""What `doctor --preset` says of memory: against a real step, and against what is known of the full size."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from signvip.config import load_config
from signvip.doctor.machine import examine_preset
from signvip.footprint.activations import _activations, training_needs
from signvip.footprint.parameters import count, meta_networks, meta_pose_head


@pytest.fixture(scope="module")
def needs():
    return {need.phase: need for need in training_needs(load_config("rwth"))}


def test_kept_activations_are_counted_once_and_weights_not_at_all():
    """A linear layer keeps its input; the sigmoid after it keeps its output."""
    with torch.device("meta"):
        module = nn.Sequential(nn.Linear(6, 10), nn.Sigmoid())

    def forward(dtype):
        inputs = torch.zeros(4, 6, dtype=dtype, requires_grad=True)
        return module(inputs) + module[0](inputs)

    config = load_config("tiny")
    assert _activations(config, module, forward) == 4 * (4 * 6 + 4 * 10)


def test_half_precision_keeps_half():
    with torch.device("meta"):
        module = nn.Linear(6, 10)

    def kept(precision):
        config = load_config("tiny", flags={"precision": precision})
        return _activations(config, module, lambda dtype: module(torch.zeros(4, 6, dtype=dtype)))

    assert kept("no") == 2 * kept("bf16") == 4 * 4 * 6


def test_the_motion_phase_keeps_what_is_known_of_the_authors_modules(needs):
    """0.390 GB a frame at 272x224 were computed from the authors' own U-Net, without a guider before its first block.

    Its gradient also passes what comes before the first temporal attention, where nothing else learns.
    """
    behind = load_config("rwth", settings=["guider.injection=down_blocks"])
    (alone,) = training_needs(behind, ["stage1 motion"])
    assert alone.activations / (alone.clips * alone.frames) == pytest.approx(0.390e9, rel=0.06)
    need = needs["stage1 motion"]
    assert 1.02 < need.activations / alone.activations < 1.1
    assert need.trained == pytest.approx(417.138e6 + 85.687e6, rel=1e-4)


def test_a_trained_parameter_takes_sixteen_bytes_and_a_frozen_one_four(needs):
    for need in needs.values():
        assert need.weights == 16 * need.trained + 4 * need.frozen


def test_a_frozen_denoiser_is_not_counted_as_trained(needs):
    """Its 860 M spatial weights are trained by the paper's text, and frozen in the authors' code."""
    frozen = load_config("rwth", settings=["stage1.denoiser=frozen", 'stage1.phases=["image"]'])
    image = next(need for need in training_needs(frozen) if need.phase == "stage1 image")
    assert needs["stage1 image"].trained - image.trained == pytest.approx(859.521e6, rel=1e-5)


def test_the_head_that_reads_poses_is_a_phase_of_its_own(needs):
    """Its maps are as large as the embeddings: a batch twice as large keeps twice as much."""
    assert "stage2 poses" not in {need.phase for need in training_needs(load_config("rwth-release"))}
    config = load_config("tiny")
    (need,) = training_needs(config, ["stage2 poses"])
    (twice,) = training_needs(load_config("tiny", settings=["stage2_poses.clips=32"]), ["stage2 poses"])
    assert twice.activations == pytest.approx(2 * need.activations, rel=0.01)
    maps = 4 * 32 * 256 * 32 * 32  # bytes of what the head puts out for 32 frames of 32x32 cells
    assert maps < need.activations < 40 * maps
    networks = meta_networks(config)
    assert need.trained == count(meta_pose_head(config, networks))
    assert need.frozen == count(networks.condition_encoder)


def test_doctor_tells_what_poses_take():
    found = {finding.topic: finding.found for finding in examine_preset("tiny")}
    assert found["pose_head"].startswith("0.4") and "GiB of activations" in found["stage2 poses"]
    assert "pose_head" not in {finding.topic for finding in examine_preset("rwth-release")}


def test_doctor_tells_parameters_and_memory():
    found = {finding.topic: finding.found for finding in examine_preset("how2sign-release")}
    assert found["as Table 7 counts"].startswith("2777.92 M")
    assert "417.138 M of them temporal attention" in found["denoiser"]
    assert found["condition_encoder"].endswith("0.000 M at inference, 1.300 M trained")
    assert found["autoencoder"].endswith("146.604 M at inference, 245.346 M trained")
    assert found["denoiser"].endswith("1276.659 M at inference, 417.138 M trained")
    assert found["vae"].endswith("83.654 M at inference, 0.000 M trained")
    assert "GiB of activations" in found["stage3"]


def test_tokens_of_body_and_hands_keep_the_activations_of_both():
    plain, grouped = (
        training_needs(load_config("rwth", settings=[f"autoencoder.groups={groups}"]), ["stage2"])[0]
        for groups in ("frame", "body+hands")
    )
    assert grouped.trained > plain.trained and grouped.activations > plain.activations > 0


def test_the_head_that_reads_fingers_keeps_activations_and_learns_nothing():
    plain, reading = (
        training_needs(load_config("tiny", settings=[f"stage2.finger_weight={weight}"]), ["stage2"])[0]
        for weight in (0, 1)
    )
    assert reading.trained == plain.trained and reading.activations > plain.activations
