"""Where hands are by their keypoints, what stage 2 teaches of it, and cells that count more in Eq. 6."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numbered import NumberedClips
from small import small_config
from test_reconstruction_loss import ScaledEncoder, ShrinkingAutoencoder
from torch import nn

from signvip.contracts import LEFT_HAND, RIGHT_HAND
from signvip.errors import ConfigError
from signvip.models import BodyAndHands
from signvip.models.pose_head import Maps
from signvip.models.pose_losses import bump_loss, heat_loss, place_loss
from signvip.stages import stage2, tokens
from signvip.stages.hands import MARGIN, hand_cells, hand_centres, place_errors
from signvip.stages.tokens import TokensPhase


def keypoints():
    """Two frames: a left hand of two points, one of which is unseen in the second; a right hand in the second alone."""
    points = torch.zeros(2, 128, 3)
    points[:, :3] = torch.tensor([0.75, 0.75, 1])  # of a body, which is no hand
    points[:, LEFT_HAND.start] = torch.tensor([0.25, 0.5, 1])
    points[0, LEFT_HAND.start + 1] = torch.tensor([0.5, 0.75, 1])
    points[1, RIGHT_HAND.start + 20] = torch.tensor([0.84375, 0.125, 0.5])
    return points


def test_a_hand_is_in_the_middle_of_its_seen_points():
    wanted = [[[0.375, 0.625, 1], [0, 0, 0]], [[0.25, 0.5, 1], [0.84375, 0.125, 1]]]
    assert torch.equal(hand_centres(keypoints()), torch.tensor(wanted))


def test_cells_of_a_hand_are_those_in_its_box_and_a_little_about_it():
    cells = hand_cells(keypoints(), (32, 16))
    rows, columns = (torch.arange(32) + 0.5) / 32, (torch.arange(16) + 0.5) / 16
    left = ((rows >= 0.5 - MARGIN) & (rows <= 0.75 + MARGIN))[:, None]
    left = left & (columns >= 0.25 - MARGIN) & (columns <= 0.5 + MARGIN)
    assert torch.equal(cells[0].bool(), left)
    assert cells[1, 3, 13] == cells[1, 4, 13] == 1 and cells[1, :5].sum() == 2
    assert not hand_cells(torch.zeros(1, 128, 3), (8, 8)).any()


def test_errors_of_places_are_in_pixels_and_of_seen_hands():
    where = torch.full((2, 2, 4, 8), -60.0)
    where[:, :, 2, 1] = 60.0  # x 1.5 of 8, y 2.5 of 4
    found = place_errors(where, keypoints(), (64, 128))
    apart = [
        (0.375 - 1.5 / 8, 0.625 - 2.5 / 4),
        (0.25 - 1.5 / 8, 0.5 - 2.5 / 4),
        (0.84375 - 1.5 / 8, 0.125 - 2.5 / 4),
    ]
    wanted = sum(((x * 128) ** 2 + (y * 64) ** 2) ** 0.5 for x, y in apart)
    assert found["apart"] == pytest.approx(wanted, rel=1e-4) and found["hands"] == 3


class PointedClips(NumberedClips):
    """Numbered clips whose pose shows the hands of `keypoints`."""

    def coordinates(self, clip):
        return {"pose": {"keypoints": keypoints()[torch.arange(self.lengths[clip]) % 2].numpy()}}


class PointlessClips(NumberedClips):
    def coordinates(self, clip):
        return {"mesh": {"depth": np.zeros((self.lengths[clip], 4), np.float32)}}


class FindingAutoencoder(ShrinkingAutoencoder):
    """Gives back a share of each embedding, which is a lesser one of some cells."""

    def forward(self, e):
        rebuilt, quantized = super().forward(e)
        return rebuilt * torch.tensor([[1.0, 0.5], [1.0, 1.0]]), quantized


def phase_of(monkeypatch, autoencoder, clips=PointedClips, reader=None, **training):
    monkeypatch.setattr(tokens, "Clips", clips)
    config = small_config(stage2={"clips": 3, "frames": 2, **training})
    return TokensPhase(config, config.stage2, "nowhere", ScaledEncoder(), autoencoder, False, reader)


def test_cells_about_hands_count_as_often_as_the_weight_says(monkeypatch):
    autoencoder = FindingAutoencoder()
    phase = phase_of(monkeypatch, autoencoder, hand_weight=5)
    batch = phase.batch(0)
    assert batch["keypoints"].shape == (6, 128, 3)
    loss, _ = phase.module(batch)
    e, deviation = autoencoder.seen, autoencoder.std[:, None, None]
    errors = (((autoencoder(e)[0] - e) / deviation).square()).mean(1)
    weights = 1 + 4 * hand_cells(batch["keypoints"], (2, 2))
    assert 0 < weights.min() < weights.max()
    wanted = (errors * weights).sum() / weights.sum()
    torch.testing.assert_close(loss, wanted + 3 * 0.25)
    plain, _ = phase_of(monkeypatch, FindingAutoencoder()).module(batch)
    assert not torch.isclose(loss, plain, rtol=1e-2)


def test_keypoints_are_read_only_where_they_are_needed(monkeypatch):
    assert set(phase_of(monkeypatch, ShrinkingAutoencoder(), PointlessClips).batch(0)) == {"conditions"}
    with pytest.raises(ConfigError, match="store no keypoints to find hands by"):
        phase_of(monkeypatch, ShrinkingAutoencoder(), PointlessClips, hand_weight=2)


def grouped():
    torch.manual_seed(0)
    sizes = {"grid": (2, 2), "block_out_channels": (8,), "hand_grid": (1, 1), "hand_channels": (8,)}
    return BodyAndHands(embedding_channels=6, norm_num_groups=4, **sizes)


def with_loss(quantizer, loss):
    """Give a quantizer a loss of its own, as learned codebooks have."""
    plain = quantizer.forward
    quantizer.forward = lambda z: replace(plain(z), loss=loss)


def test_stage_2_teaches_groups_where_the_hands_are(monkeypatch):
    """Eq. 6, and the divergence of the heat maps from bumps at the hands."""
    model = grouped()
    with_loss(model.body.bottleneck, 0.25)
    with_loss(model.hand.bottleneck, 0.5)
    phase = phase_of(monkeypatch, model)
    batch = phase.batch(0)
    loss, values = phase.module(batch)
    e = phase.module.embed(batch)
    rebuilt, quantized = model(e)
    places = bump_loss(quantized.where, hand_centres(batch["keypoints"]))
    share = (model.standardise(rebuilt) - model.standardise(e)).square().mean()
    torch.testing.assert_close(loss, share + 0.75 + places)
    torch.testing.assert_close(values["places"], places.detach())
    loss.backward()
    assert (
        model.place[0].weight.grad.abs().max() > 0 and model.body.decoder.conv_out.weight.grad.abs().max() > 0
    )


class LoudHead(nn.Module):
    """A heat map for each point that is a channel of e, which tells what it was given."""

    def forward(self, e):
        self.seen = e
        where = e[:, torch.arange(128) % e.shape[1]]
        return Maps(where, where)


def test_fingers_that_are_misread_from_rebuilt_embeddings_count_as_the_weight_says(monkeypatch):
    head, autoencoder = LoudHead(), FindingAutoencoder()
    phase = phase_of(monkeypatch, autoencoder, reader=head, finger_weight=0.25)
    batch = phase.batch(0)
    loss, values = phase.module(batch)
    rebuilt = autoencoder(phase.module.embed(batch))[0]
    torch.testing.assert_close(head.seen, rebuilt)
    truth = batch["keypoints"].clone()
    truth[:, : LEFT_HAND.start] = 0  # faces and arms are not fingers
    maps = head(rebuilt)
    fingers = 0.25 * (heat_loss(maps, truth) + place_loss(maps, truth))
    torch.testing.assert_close(values["fingers"], fingers)
    torch.testing.assert_close(loss, values["reconstruction"] + 3 * 0.25 + fingers)
    loss.backward()
    assert autoencoder.share.grad.abs() > 0


def test_validation_says_how_far_off_hands_are_placed(monkeypatch, tmp_path):
    phase = phase_of(monkeypatch, grouped())
    with torch.no_grad():
        scores = phase.validate(tmp_path)
    assert 0 < scores["place_error"] < 32 * 2**0.5
    assert "place_error" not in phase_of(monkeypatch, ShrinkingAutoencoder()).scores({})


@pytest.mark.parametrize(("weight", "order"), [(0.0, ["tokens", "poses"]), (0.5, ["poses", "tokens"])])
def test_the_head_is_trained_first_where_tokens_are_trained_by_it(monkeypatch, weight, order):
    done = []
    for name in ("tokens", "poses"):
        monkeypatch.setattr(stage2, f"_train_{name}", lambda *_, name=name: done.append(name))
    monkeypatch.setattr(stage2, "check_shards", lambda *_: None)
    config = small_config(stage2={"finger_weight": weight})
    run = SimpleNamespace(config=config, require=lambda *_: None, has=lambda part: False)
    loop = SimpleNamespace(reporter=SimpleNamespace(say=None))
    stage2.stage2(run, "nowhere", loop)
    assert done == order
    if weight:
        with pytest.raises(ConfigError, match="this run has none; set stage2_poses"):
            stage2._finger_reader(run)
    else:
        assert stage2._finger_reader(run) is None
