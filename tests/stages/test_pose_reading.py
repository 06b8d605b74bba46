"""The phase that trains the pose head: true keypoints of the very frames, in fractions, beside their embeddings."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from numbered import NumberedClips
from small import small_config
from torch import nn

from signvip.config import parse_config
from signvip.contracts import KEYPOINTS, LEFT_HAND, RIGHT_HAND
from signvip.errors import ConfigError, MismatchError
from signvip.models import ConditionEncoder, PoseHead, pose_losses
from signvip.pipeline import SignVipPipeline
from signvip.run import Run
from signvip.settings import merge
from signvip.stages import poses, train
from signvip.stages.poses import GROUPS, KeypointLoss, PosesPhase, stored_keypoints
from signvip.storage import fits


class PosedClips(NumberedClips):
    """Numbered clips whose keypoints say the same: x is the clip, y the frame, in thousandths."""

    def coordinates(self, clip):
        frames = self.lengths[clip]
        points = np.ones((frames, 128, 3), np.float32)
        points[..., 0] = clip / 1000
        points[..., 1] = np.arange(frames)[:, None] / 1000
        return {"pose": {"keypoints": points}}

    def array(self, clip, field, picks=None):
        assert field == "embeddings.npy"
        return torch.tensor([[clip + 1.0, frame + 1.0] for frame in picks])[..., None, None].repeat(
            1, 1, 2, 2
        )


class Summing(nn.Module):
    """An encoder that drops out, had it not been frozen."""

    def __init__(self):
        super().__init__()
        self.scale, self.dropout = nn.Parameter(torch.ones(1)), nn.Dropout(0.5)

    def forward(self, images):
        return self.dropout(images.repeat(1, 1, 4, 4) * self.scale)


def phase_of(monkeypatch, stored=False):
    monkeypatch.setattr(poses, "Clips", PosedClips)
    config = small_config(stage2_poses={"clips": 3, "frames": 4})
    head = PoseHead(embedding_channels=2 if stored else 6, size=config.size, block_out_channels=(8, 8))
    return PosesPhase(config, config.stage2_poses, "nowhere", KeypointLoss(head, Summing()), stored)


@pytest.mark.parametrize("stored", [False, True])
def test_keypoints_are_those_of_the_frames_whose_conditions_are_drawn(monkeypatch, stored):
    phase = phase_of(monkeypatch, stored)
    for index in range(4):
        batch = phase.batch(index)
        shown = batch["embeddings"] if stored else batch["conditions"][:, :2]
        clips, frames = shown[:, 0, 0, 0].float() - 1, shown[:, 1, 0, 0].float() - 1
        assert batch["keypoints"].shape == (12, 128, 3)
        torch.testing.assert_close(batch["keypoints"][:, 5, 0], clips / 1000)
        torch.testing.assert_close(batch["keypoints"][:, 5, 1], frames / 1000)


def test_the_head_alone_learns(monkeypatch):
    phase = phase_of(monkeypatch)
    loss, values = phase.module(phase.batch(0))
    loss.backward()
    assert {name.split(".")[0] for name, _ in phase.module.named_parameters()} == {"head"}
    assert all(weight.grad is not None for weight in phase.module.parameters())
    assert set(values) == {"heat", "places", "confidence"} and not any(
        v.requires_grad for v in values.values()
    )


def test_a_point_of_either_hand_weighs_as_much_as_four_others():
    truth = torch.zeros(1, 128, 3)
    truth[0, [0, LEFT_HAND.start, RIGHT_HAND.start], 2] = 1
    for point, weight in ((0, 1), (LEFT_HAND.start, 4), (RIGHT_HAND.start, 4), (50, 0)):
        losses = torch.zeros(1, 128)
        losses[0, point] = 1
        assert float(pose_losses._over_seen(losses, truth)) == pytest.approx(weight / 9)


def test_the_head_begins_with_the_statistics_of_training_frames(monkeypatch):
    seen = []
    monkeypatch.setattr(PoseHead, "set_statistics", lambda self, e: seen.append(e))
    phase = phase_of(monkeypatch, stored=True)
    expected = torch.cat([phase.batch(index)["embeddings"] for index in range(11)])  # 12 frames each
    torch.testing.assert_close(seen, [expected])


def test_errors_are_pixels_over_seen_points_of_each_group(monkeypatch):
    phase = phase_of(monkeypatch)
    truth = torch.ones(2, 128, 3) * torch.tensor([0.5, 0.25, 1.0])
    truth[:, 18:86] = 0  # no face is seen
    found = truth * torch.tensor([32.0, 32.0, 1.0])
    found[:, GROUPS["finger"], 0] += 3
    found[:, GROUPS["finger"], 1] += 4
    found[0, GROUPS["wrist"], 0] += 2
    found[..., 18:86, 2] = 0.9  # told as seen, wrongly
    scores = phase.scores(phase._sums(found, truth))
    assert scores == pytest.approx(
        {"finger_error": 5, "wrist_error": 1, "body_error": 4 / 36, "seen": 60 / 128}
    )


def test_a_points_group_is_named_after_it():
    assert len(set(KEYPOINTS)) == 128
    assert {KEYPOINTS[point] for point in GROUPS["wrist"]} == {"right_wrist", "left_wrist"}
    assert all("hand" in KEYPOINTS[point] and "wrist" not in KEYPOINTS[point] for point in GROUPS["finger"])
    assert KEYPOINTS[LEFT_HAND.start + 8] == "left_hand_index_4" and KEYPOINTS[127] == "right_hand_little_4"


def test_keypoints_come_from_any_condition_that_stores_some():
    hands = np.full((3, 2, 21, 4), 0.5, np.float16)
    hands[:, 1, :, :2] = 0.25
    hands[:, :, :, 2] = -7  # depth is no confidence
    hands[2, 0, 4, 0] = 1.2  # out of the picture
    depth = {"depth": np.zeros((3, 8, 8), np.uint8)}
    found = stored_keypoints({"depth": depth, "hand3d": {"hands": hands}})
    assert (found[0, LEFT_HAND] == 0.5).all() and (found[0, RIGHT_HAND, :2] == 0.25).all()
    assert (found[:, :86] == 0).all() and (found[2, LEFT_HAND.start + 4] == 0).all()
    whole = np.full((3, 128, 3), 0.75, np.float16)
    assert (stored_keypoints({"hand3d": {"hands": hands}, "pose": {"keypoints": whole}}) == 0.75).all()
    assert stored_keypoints({"depth": depth}) is None


@pytest.fixture(scope="module")
def twice(trained, tmp_path_factory):
    """The run of all three stages, and the same without a pose head, its second stage trained anew."""
    folder = tmp_path_factory.mktemp("without") / "run"
    shutil.copytree(trained.run, folder)
    shutil.rmtree(folder / "pose_head")
    shutil.rmtree(folder / "training")
    values = {**trained.config.model_dump(mode="json"), "stage2_poses": None}
    train(parse_config(values), 2, shards=trained.shards, run=folder)
    index = json.loads((folder / "model_index.json").read_text())
    del index["pose_head"]  # as earlier versions wrote it
    (folder / "model_index.json").write_text(json.dumps(index))
    return trained, folder


def test_the_autoencoder_is_the_same_with_a_pose_head_and_without(twice):
    trained, without = twice
    assert Run.open(without).fingerprint("autoencoder") == Run.open(trained.run).fingerprint("autoencoder")
    assert not Run.open(without).has("pose_head")


def test_a_finished_run_can_be_given_a_head(twice, tmp_path):
    trained, without = twice
    run = shutil.copytree(without, tmp_path / "run")
    values = merge(trained.config.model_dump(mode="json"), {})
    train(parse_config(values), 2, shards=trained.shards, run=run)
    assert Run.open(run).fingerprint("autoencoder") == Run.open(without).fingerprint("autoencoder")
    assert Run.open(run).fingerprint("pose_head") == Run.open(trained.run).fingerprint("pose_head")
    assert SignVipPipeline.from_pretrained(run).pose_head is not None


def test_a_head_is_trained_on_the_encoders_embeddings_stored_or_not(trained):
    head = Run.open(trained.run).load("pose_head", PoseHead)
    encoder = Run.open(trained.run).load("condition_encoder", ConditionEncoder)
    assert head.config["embedding_channels"] == encoder.embedding_channels
    metrics = (trained.run / "training" / "stage2-poses" / "metrics.jsonl").read_text().splitlines()
    assert {f"dev/{group}_error" for group in GROUPS} | {"dev/seen"} <= set(json.loads(metrics[-1]))


class Rounding(nn.Module):
    """A tokenizer whose tokens decode to embeddings in whole numbers."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, e):
        return self.scale * (e + 0.25).round(), None


class Recording(nn.Module):
    """A head that notes what it reads."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, e):
        self.read = e
        return self.head(e)


@pytest.mark.parametrize(("decoded", "least", "most"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
def test_a_share_of_the_frames_is_read_from_what_their_tokens_decode_to(decoded, least, most):
    head = PoseHead(embedding_channels=2, size=(32, 32), block_out_channels=(8, 8))
    loss = KeypointLoss(head, Summing(), Rounding(), decoded)
    loss.head = Recording(head)
    e = torch.rand(200, 2, 8, 8) + 0.3
    keypoints = torch.rand(200, 128, 3)
    value, _ = loss({"embeddings": e, "keypoints": keypoints})
    value.backward()
    rebuilt = (e + 0.25).round()
    own, other = ((loss.head.read == each).flatten(1).all(1) for each in (e, rebuilt))
    assert bool((own ^ other).all()) and least <= int(other.sum()) <= most
    assert {name.split(".")[0] for name in loss.state_dict()} == {"head"}  # the tokenizer is in no checkpoint


@pytest.fixture(scope="module")
def posed(trained, tmp_path_factory):
    """The run of all three stages, whose head is then trained on tokens, and whose videos poses guide."""
    run = shutil.copytree(trained.run, tmp_path_factory.mktemp("posed") / "run")
    changes = {"stage2_poses": {"decoded": 0.5, "steps": 3}, "sampler": {"guided_by": "poses"}}
    config = parse_config(merge(trained.config.model_dump(mode="json"), changes))
    train(config, 2, shards=trained.shards, run=run)
    return run


def test_a_head_of_tokens_is_trained_without_touching_them(trained, posed):
    before, after = Run.open(trained.run), Run.open(posed)
    assert before.fingerprint("autoencoder") == after.fingerprint("autoencoder")
    assert before.fingerprint("pose_head") != after.fingerprint("pose_head")
    rows = [
        json.loads(line)
        for line in (posed / "training" / "stage2-poses" / "metrics.jsonl").read_text().splitlines()
    ]
    assert any(
        {"dev/finger_error", "dev/decoded_finger_error", "dev/decoded_seen"} <= set(row) for row in rows
    )


def test_a_finished_run_is_guided_by_poses_from_then_on(trained, posed):
    assert SignVipPipeline.from_pretrained(trained.run).config.guided_by == "tokens"
    pipe = SignVipPipeline.from_pretrained(posed)
    assert pipe.config.guided_by == "poses"
    encoder = Run.open(posed).load("condition_encoder", ConditionEncoder).state_dict()
    drawn_by = pipe.pose_drawer.condition_encoder.state_dict()
    assert all(torch.equal(weight, drawn_by[name]) for name, weight in encoder.items())


def test_poses_cannot_guide_where_nothing_reads_them(trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    shutil.rmtree(run / "pose_head")
    changes = {"stage2_poses": None, "sampler": {"guided_by": "poses"}}
    config = parse_config({**merge(trained.config.model_dump(mode="json"), changes), "stage2_poses": None})
    with pytest.raises(ConfigError, match="needs a pose head"):
        train(config, 2, shards=trained.shards, run=run)


def test_coordinates_decode_to_no_embeddings_that_a_head_could_learn_from(trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    changes = {"stage2_poses": {"decoded": 0.5}, "intermediate": "coordinates"}
    config = parse_config(merge(trained.config.model_dump(mode="json"), changes))
    with pytest.raises(ConfigError, match="predicts coordinates"):
        train(config, 2, shards=trained.shards, run=run)


def test_a_drawer_of_another_encoder_is_refused(posed, tmp_path):
    run = shutil.copytree(posed, tmp_path / "run")
    path = run / "condition_encoder" / "config.json"
    path.write_text(path.read_text().replace("{", "{ ", 1))
    fits.note(run, "autoencoder", "pose_head", "denoiser", "guider", "reference_net")
    with pytest.raises(
        MismatchError, match=r"The pose_drawer of .* was trained with another condition_encoder"
    ):
        SignVipPipeline.from_pretrained(run)


def test_a_head_and_tokens_cannot_each_wait_for_the_other():
    with pytest.raises(ConfigError, match="each would have to be first; set one of them to 0"):
        small_config(stage2={"finger_weight": 1.0}, stage2_poses={"decoded": 0.5})
