"""Poses from text: beside the video, as long as it, read from the very embeddings that it is made from."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

import signvip
from signvip.contracts import KEYPOINTS
from signvip.errors import DataError, PluginError, RunError
from signvip.estimation import pose_writing
from signvip.estimation.pose_files import read_pose
from signvip.generate import GenerateOptions, Request, generate
from signvip.models import PoseHead
from signvip.run import Run
from signvip_lab.evaluation.evaluate import EvaluateOptions, evaluate

GREY = np.full((32, 32, 3), 150, np.uint8)
SURE = 4.0


@pytest.fixture(scope="module")
def run(trained, tmp_path_factory):
    """The run of two steps a stage, whose head is sure of everything but the legs: so little training says nothing."""
    folder = shutil.copytree(trained.run, tmp_path_factory.mktemp("sure") / "run")
    head = Run.open(folder).load("pose_head", PoseHead)
    with torch.no_grad():
        bias = head.conv_out.bias[128:]
        bias.fill_(SURE)
        bias[8:14] = -SURE
    Run.open(folder).save("pose_head", head)
    return folder


@pytest.fixture(scope="module")
def picture(tmp_path_factory):
    path = tmp_path_factory.mktemp("picture") / "ref.png"
    Image.fromarray(GREY).save(path)
    return path


@pytest.fixture(scope="module")
def pipe(run):
    pipe = signvip.SignVipPipeline.from_pretrained(run)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_poses_are_pixels_and_confidence_of_named_points_for_every_frame(pipe):
    drawn = torch.Generator().manual_seed(0)
    tokens = torch.randint(
        pipe.autoencoder.vocab_size, (3, pipe.autoencoder.tokens_per_frame), generator=drawn
    )
    result = pipe("rain", GREY, tokens=tokens, output_type="np")
    assert result.poses.shape == (len(result.frames), 128, 3) and result.pose_points == KEYPOINTS
    assert result.poses.dtype == torch.float32
    legs = result.poses[:, 8:14]
    assert (legs == 0).all() and (result.poses[:, :8, 2] > 0.9).all()
    assert (result.poses[:, 18:, :2] > 0).all() and (result.poses[..., :2] < 32).all()
    with torch.no_grad():
        expected = pipe.pose_head.read(pipe.embed(result.tokens))
    torch.testing.assert_close(result.poses, expected)


def test_each_text_has_its_own_poses_and_a_plain_tuple_stays_as_it_was(pipe):
    result = pipe(["rain", "snow"], GREY, max_frames=2, output_type="latent")
    assert [poses.shape for poses in result.poses] == [(len(tokens), 128, 3) for tokens in result.tokens]
    frames, tokens = pipe("rain", GREY, max_frames=2, output_type="latent", return_dict=False)
    assert len(frames) == len(tokens)


def test_a_head_in_half_precision_reads_the_same_places(pipe):
    with torch.no_grad():
        e = pipe.embed(torch.zeros(2, pipe.autoencoder.tokens_per_frame, dtype=torch.long))
        exact = pipe.pose_head.read(e)
        half = PoseHead.from_config(pipe.pose_head.config)
        half.load_state_dict(pipe.pose_head.state_dict())
        found = half.to(torch.bfloat16).read(e.to(torch.bfloat16))
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, atol=0.5, rtol=0.02)


def test_generate_writes_what_the_pipeline_gives(run, pipe, picture, tmp_path):
    request = Request("rain", picture, tmp_path / "a.mp4", tmp_path / "poses" / "a.pose")
    generate([request], run=str(run), options=GenerateOptions(max_frames=3, device="cpu"))
    sidecar = json.loads((tmp_path / "a.json").read_text())
    stored = read_pose(tmp_path / "poses" / "a.pose")
    found = np.stack([people[0] for people in stored.people])
    assert len(found) == sidecar["frames"] and sidecar["pose"] == str(request.pose)
    assert stored.size == (32, 32) and stored.fps == pipe.config.fps
    expected = pipe("rain", GREY, tokens=torch.tensor(sidecar["tokens"]), output_type="latent").poses
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_run_without_a_head_generates_and_says_so_where_poses_are_asked_for(trained, picture, tmp_path):
    run = without_head(trained.run, tmp_path / "bare")
    pipe = signvip.SignVipPipeline.from_pretrained(run)
    pipe.set_progress_bar_config(disable=True)
    assert pipe("rain", GREY, max_frames=2, output_type="latent").poses is None
    with pytest.raises(RunError, match=r"no pose head.*signvip train"):
        pipe.read_poses(torch.zeros(1, 32, 32, 32))
    request = Request("rain", picture, tmp_path / "a.mp4", tmp_path / "a.pose")
    with pytest.raises(RunError, match="no pose head"):
        generate([request], run=str(run), options=GenerateOptions(device="cpu"))
    assert [path.name for path in tmp_path.iterdir()] == ["bare"]


def test_what_cannot_be_written_is_told_before_any_work(picture, tmp_path, monkeypatch):
    with pytest.raises(DataError, match=r"give --pose .*a\.pose"):
        generate([Request("rain", picture, tmp_path / "a.mp4", tmp_path / "a.json")], run="no/run")
    monkeypatch.setattr(pose_writing, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match="pip install"):
        generate([Request("rain", picture, tmp_path / "a.mp4", tmp_path / "a.pose")], run="no/run")


def test_evaluate_has_errors_in_pixels_from_the_head_and_says_where_a_run_has_none(trained, run, tmp_path):
    options = EvaluateOptions(metrics=("wrist_error", "finger_error", "face_error", "dtw"), clips=2)
    found = evaluate(trained.shards, tmp_path, run=str(run), options=options)
    names = {value.name for value in found.values}
    assert {"wrist_error", "finger_error", "face_error", "dtwp_norm"} <= names
    errors = {(value.row, value.name): value.value for value in found.values}
    assert 0 < errors["ground truth", "finger_error"] < 45
    without = evaluate(
        trained.shards, tmp_path, run=str(without_head(run, run.parent / "bare")), options=options
    )
    assert {value.name for value in without.values} == {"dtw", "dtwp_norm"}
    assert {out.metric for out in without.left_out if "no pose head" in out.reason} == {
        "wrist_error", "finger_error", "face_error"
    }  # fmt: skip


def without_head(run, bare):
    shutil.copytree(run, bare)
    shutil.rmtree(bare / "pose_head")
    index = json.loads((bare / "model_index.json").read_text())
    del index["pose_head"]
    (bare / "model_index.json").write_text(json.dumps(index))
    return bare
