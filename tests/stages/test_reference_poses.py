"""The head that reads reference pictures: what it learns from, and what a run that has it does with its poses."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from numbered import KINDS
from small import small_config
from test_pose_reading import PosedClips

from signvip.config import parse_config
from signvip.errors import ConfigError, MismatchError, RunError
from signvip.models import PoseHead
from signvip.models.pose_losses import confidence_loss, heat_loss, place_loss
from signvip.models.retargeting import LANDMARKS, PARTS
from signvip.models.vae import build_vae, encode_images
from signvip.pipeline import SignVipPipeline
from signvip.run import Run
from signvip.settings import merge
from signvip.stages import poses, reference_poses, train
from signvip.stages.reference_poses import ReferenceLoss, ReferencePhase, erase
from signvip.storage import fits

ASKED = {
    "reference_head": {"block_out_channels": [8, 8]},
    "stage2_reference": {"steps": 2, "clips": 2, "frames": 2, "learning_rate": 1e-3, "workers": 0},
    "sampler": {"guided_by": "poses", "retarget": "parts"},
}


class FilmedClips(PosedClips):
    """Posed clips whose stored arrays are latents."""

    def array(self, clip, field, picks=None):
        assert field == "latents.npy"
        return torch.tensor([[clip + 1.0, frame + 1.0] for frame in picks])[..., None, None].repeat(
            1, 1, 2, 2
        )


def loss_of(channels=4):
    torch.manual_seed(0)
    vae = build_vae(block_out_channels=[8], norm_num_groups=1, latent_channels=channels)
    return ReferenceLoss(PoseHead(embedding_channels=channels, size=(32, 32), block_out_channels=(8, 8)), vae)


def phase_of(monkeypatch, stored):
    monkeypatch.setattr(poses, "Clips", FilmedClips)
    config = small_config(stage2_reference={**ASKED["stage2_reference"], "clips": 3, "frames": 4})
    return ReferencePhase(config, config.stage2_reference, "nowhere", loss_of(2 if stored else 4), stored)


@pytest.mark.parametrize("stored", [False, True])
def test_landmarks_are_those_of_the_frames_that_are_shown_and_no_other_point_is(monkeypatch, stored):
    phase = phase_of(monkeypatch, stored)
    assert len(KINDS) == 2  # of conditions, of which none is read
    for index in range(4):
        batch = phase.batch(index)
        assert set(batch) == {"keypoints", "latents" if stored else "frames"}
        shown = batch["latents" if stored else "frames"][:, :2, 0, 0].float() - 1
        torch.testing.assert_close(
            batch["keypoints"][:, LANDMARKS, :2], shown[:, None].expand(-1, 75, 2) / 1000
        )
        others = [point for point in range(128) if point not in LANDMARKS]
        assert (batch["keypoints"][:, LANDMARKS, 2] == 1).all() and (batch["keypoints"][:, others] == 0).all()


def test_frames_become_the_latents_that_a_reference_has():
    loss = loss_of()
    frames = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    torch.testing.assert_close(
        loss.embed({"frames": frames}), encode_images(loss.encoder.network, frames.float() / 127.5 - 1)[0]
    )


def test_what_lies_in_a_flat_rectangle_is_unseen_and_all_else_stays():
    torch.manual_seed(0)
    latents, truth = torch.randn(400, 4, 16, 20), torch.rand(400, 128, 3).clamp(min=0.01)
    shown, seen = erase(latents, truth, 0.5)
    changed = (shown != latents).any(dim=1)  # (B, h, w)
    hidden = seen[..., 2] == 0
    assert 0.4 < changed.flatten(1).any(dim=1).float().mean() < 0.6
    assert torch.equal(seen[~hidden], truth[~hidden]) and (seen[hidden] == 0).all()
    column, row = (truth[..., 0] * 20).long(), (truth[..., 1] * 16).long()
    at_point = changed[torch.arange(400)[:, None], row, column]
    assert (at_point == hidden).float().mean() > 0.97  # a rectangle ends within cells
    wholly = shown.flatten(2).std(dim=-1).amax(dim=1) < 1e-6
    assert 0.02 < wholly.float().mean() < 0.2  # up to the whole picture
    assert bool(wholly[hidden.all(dim=1)].all()) and hidden[wholly].float().mean() > 0.97
    assert all(torch.equal(*pair) for pair in zip(erase(latents, truth, 0.0), (latents, truth), strict=True))


def test_two_shoulders_count_as_much_as_a_head(monkeypatch):
    monkeypatch.setattr(reference_poses, "ERASED", 0.0)
    loss = loss_of()
    batch = {"latents": torch.randn(2, 4, 32, 32), "keypoints": torch.rand(2, 128, 3)}
    value, values = loss(batch)
    value.backward()
    assert {name.split(".")[0] for name, _ in loss.named_parameters()} == {"head"}
    maps, truth = loss.head(batch["latents"]), batch["keypoints"]
    for name, one in (("heat", heat_loss), ("places", place_loss)):
        each = [
            one(type(maps)(*(part_of[:, part.landmarks] for part_of in maps)), truth[:, part.landmarks])
            for part in PARTS
        ]
        torch.testing.assert_close(values[name], sum(each) / 2)
        assert not torch.isclose(each[0], each[1])
    torch.testing.assert_close(values["confidence"], confidence_loss(maps, truth))
    torch.testing.assert_close(value, sum(values.values()))


@pytest.fixture(scope="module")
def moving(trained, tmp_path_factory):
    """The run of all three stages, whose poses are then moved to the signers of references."""
    run = shutil.copytree(trained.run, tmp_path_factory.mktemp("moving") / "run")
    config = parse_config(merge(trained.config.model_dump(mode="json"), ASKED))
    train(config, 2, shards=trained.shards, run=run)
    return run


def test_a_finished_run_can_be_given_one_and_nothing_else_changes(trained, moving):
    before, after = Run.open(trained.run), Run.open(moving)
    for part in ("autoencoder", "pose_head", "translator", "denoiser", "vae"):
        assert before.fingerprint(part) == after.fingerprint(part)
    head = after.load("reference_head", PoseHead)
    assert head.config["embedding_channels"] == after.config.vae.get("latent_channels", 4)
    rows = (moving / "training" / "stage2-reference" / "metrics.jsonl").read_text().splitlines()
    told = set(json.loads(rows[-1]))
    assert {"dev/face_error", "dev/body_error", "dev/seen"} <= told and "dev/finger_error" not in told
    pipe = SignVipPipeline.from_pretrained(moving)
    assert (pipe.config.retarget, pipe.reference_head is not None) == ("parts", True)


def test_one_of_another_vae_is_refused(moving, tmp_path):
    run = shutil.copytree(moving, tmp_path / "run")
    path = run / "vae" / "config.json"
    path.write_text(path.read_text().replace("{", "{ ", 1))
    fits.note(run, "condition_encoder", "denoiser", "guider", "reference_net")
    with pytest.raises(MismatchError, match=r"The reference_head of .* was trained with another vae"):
        SignVipPipeline.from_pretrained(run)


def test_another_run_goes_on_from_it(moving, trained, tmp_path):
    values = merge(Run.open(moving).config.model_dump(mode="json"), {"start": {"run": str(moving)}})
    values["stage2_reference"]["learning_rate"] = 1e-12
    train(parse_config(values), 2, shards=trained.shards, run=tmp_path / "run")
    before, after = (Run.open(run).load("reference_head", PoseHead) for run in (moving, tmp_path / "run"))
    for left, right in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(left, right)


def test_poses_cannot_be_moved_where_nothing_reads_references(trained, tmp_path):
    run = shutil.copytree(trained.run, tmp_path / "run")
    config = parse_config(
        merge(
            trained.config.model_dump(mode="json"), {"sampler": {"guided_by": "poses", "retarget": "parts"}}
        )
    )
    with pytest.raises(ConfigError, match=r"retarget needs what reads references.*stage2_reference"):
        train(config, 2, shards=trained.shards, run=run)
    with pytest.raises(RunError, match="signvip train --stage 2 --set stage2_reference="):
        SignVipPipeline.from_pretrained(trained.run, retarget="parts")
    with pytest.raises(RunError, match="signvip train --stage 2 --set stage2_reference="):
        SignVipPipeline.from_pretrained(trained.run).find_signer(
            torch.zeros(32, 32, 3, dtype=torch.uint8).numpy()
        )


def test_conditions_without_heads_teach_none(trained, tmp_path, monkeypatch):
    run = shutil.copytree(trained.run, tmp_path / "run")
    config = parse_config(merge(trained.config.model_dump(mode="json"), ASKED))
    honest = poses.stored_keypoints

    def hands_alone(arrays):
        return honest({"hand3d": arrays["hand3d"]})

    monkeypatch.setattr("signvip.stages.stage2.stored_keypoints", hands_alone)
    with pytest.raises(ConfigError, match="pose and hand3d store neither"):
        train(config, 2, shards=trained.shards, run=run)
