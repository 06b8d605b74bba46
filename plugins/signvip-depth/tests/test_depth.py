"""A Depth Anything V2 of a few channels, at random, through the pipeline that the real one goes through."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    DPTImageProcessor,
)

from signvip import Clip, DataError
from signvip.testing import check_estimator
from signvip_depth.estimator import DepthAnything
from signvip_depth.grey import grey


def tiny(folder, **options):
    """Write a model of Depth Anything's architecture to a folder."""
    torch.manual_seed(0)
    stages = {
        f"out_{what}": value for what, value in (("indices", [1, 2]), ("features", ["stage1", "stage2"]))
    }
    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=56,
        reshape_hidden_states=False, apply_layernorm=True, **stages,
    )  # fmt: skip
    config = DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=16, reassemble_factors=[2, 1],
        neck_hidden_sizes=[8, 8], fusion_hidden_size=8, head_hidden_size=8, **options,
    )  # fmt: skip
    model = DepthAnythingForDepthEstimation(config)
    for weights in (*model.neck.parameters(), *model.head.parameters()):
        if weights.ndim > 1:  # at their usual scale next to nothing would reach the end
            torch.nn.init.kaiming_normal_(weights)
    model.head.conv3.weight.data *= 0.1
    torch.nn.init.constant_(model.head.conv3.bias, 1.0)  # above the network's last ReLU
    model.save_pretrained(folder)
    size = {"height": 56, "width": 56}
    DPTImageProcessor(size=size, keep_aspect_ratio=True, ensure_multiple_of=14).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny(tmp_path_factory.mktemp("depth"))


@pytest.fixture
def clip():
    rng = np.random.default_rng(0)
    return Clip("noise", rng.integers(0, 255, (5, 60, 80, 3), np.uint8), 12.0, "hello")


def build(folder, **options):
    return DepthAnything(DepthAnything.Config(source=str(folder), device="cpu", **options))


def test_it_keeps_the_contract_of_an_estimator(folder, clip):
    check_estimator(DepthAnything, clip, source=str(folder), device="cpu")


def test_maps_have_the_size_of_the_clip_and_its_whole_range(folder, clip, caplog):
    caplog.set_level(logging.INFO)
    found = build(folder)(clip)["depth"]
    assert found.shape == (5, 60, 80) and found.dtype == np.uint8
    assert found.min() == 0 and found.max() == 255
    assert "frames a second" in caplog.text


@pytest.mark.parametrize("batch", [1, 2])
def test_the_size_of_a_batch_changes_nothing(folder, clip, batch):
    one, other = (build(folder, batch=size)(clip)["depth"].astype(int) for size in (batch, 5))
    assert np.abs(one - other).max() <= 1


def test_what_the_network_calls_near_is_white():
    ramp = np.linspace(1, 9, 64, dtype=np.float16).reshape(1, 8, 8)
    relative, metric = grey(ramp, (8, 8))[0].ravel(), grey(ramp, (8, 8), metres=True)[0].ravel()
    assert (np.diff(relative.astype(int)) >= 0).all() and relative[-1] == 255
    assert (np.diff(metric.astype(int)) <= 0).all() and metric[0] == 255


def test_a_metric_model_is_turned_about(tmp_path, folder, clip):
    metric = tiny(tmp_path, depth_estimation_type="metric", max_depth=20)
    found = [build(one)(clip)["depth"].astype(float).ravel() for one in (folder, metric)]
    assert np.corrcoef(*found)[0, 1] < -0.5  # the same weights: what was near is far


def test_one_scale_holds_for_the_whole_clip():
    maps = np.stack([np.full((4, 4), 1), np.full((4, 4), 3), np.full((4, 4), 2)]).astype(np.float16)
    assert [int(frame[0, 0]) for frame in grey(maps, (4, 4))] == [0, 255, 128]


def test_a_folder_without_a_model_is_a_sentence(tmp_path, clip):
    with pytest.raises(DataError, match=r"has no file model\.safetensors"):
        build(tmp_path)(clip)
