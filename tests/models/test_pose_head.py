"""The head that reads keypoints: places finer than a cell, in pixels, x before y; unseen points are zeros."""

from __future__ import annotations

import pytest
import torch

from signvip.errors import MismatchError
from signvip.models import PoseHead
from signvip.models.pose_head import Maps, confidence_logits, mean_places
from signvip.models.pose_losses import bumps, confidence_loss, heat_loss, place_loss

H, W = 6, 10


def small_head(size=(48, 80), **options):
    torch.manual_seed(0)
    return PoseHead(embedding_channels=3, size=size, block_out_channels=(8, 8), **options).eval()


def truth_at(x, y, confidence=1.0):
    return torch.tensor([x, y, confidence]).expand(1, 128, 3)


def test_a_heat_map_of_one_cell_is_the_middle_of_that_cell():
    where = torch.full((1, 128, H, W), -1e4)
    where[:, :, 1, 7] = 1e4
    torch.testing.assert_close(mean_places(where)[0, 0], torch.tensor([7.5 / W, 1.5 / H]))


def test_a_heat_map_of_two_cells_lies_between_them():
    where = torch.full((1, 128, H, W), -1e4)
    where[:, :, 2, 3] = where[:, :, 2, 4] = 1e4
    torch.testing.assert_close(mean_places(where)[0, 0], torch.tensor([4.0 / W, 2.5 / H]))


def test_confidence_is_what_the_second_map_says_where_the_first_has_the_point():
    where = torch.full((1, 128, H, W), -1e4)
    where[:, :, 1, 7] = 1e4
    sure = torch.full((1, 128, H, W), -9.0)
    sure[:, :, 1, 7] = 2.0
    torch.testing.assert_close(confidence_logits(Maps(where, sure)), torch.full((1, 128), 2.0))


def test_maps_that_are_the_bump_at_the_truth_have_no_loss_and_others_do():
    truth = truth_at(0.43, 0.6)
    density = bumps(torch.zeros(1, 128, H, W), truth)
    torch.testing.assert_close(density.sum(-1), torch.ones(1, 128))
    right = Maps(density.log().unflatten(2, (H, W)), torch.zeros(1, 128, H, W))
    assert heat_loss(right, truth) < 1e-5 and place_loss(right, truth) < 0.2
    elsewhere = truth_at(0.73, 0.6)
    assert heat_loss(right, elsewhere) > 1
    moved = place_loss(right, elsewhere) - place_loss(right, truth)
    assert float(moved) == pytest.approx(0.3 * W / 2, abs=0.1)  # three cells in x, none in y


def test_points_that_nobody_sees_teach_no_place_but_their_confidence():
    maps = Maps(torch.randn(1, 128, H, W), torch.zeros(1, 128, H, W))
    seen, unseen = truth_at(0.5, 0.5), truth_at(0.0, 0.0, 0.0)
    half = torch.cat([seen[:, :64], unseen[:, 64:]], dim=1)
    first = Maps(*(part[:, :64] for part in maps))
    torch.testing.assert_close(heat_loss(maps, half), heat_loss(first, half[:, :64]))
    torch.testing.assert_close(place_loss(maps, half), place_loss(first, half[:, :64]))
    assert heat_loss(maps, unseen) == place_loss(maps, unseen) == 0
    sure = Maps(maps.where, maps.sure + 3)
    assert confidence_loss(sure, seen) < confidence_loss(sure, half) < confidence_loss(sure, unseen)


@torch.no_grad()
def test_what_is_read_is_pixels_of_the_frames_with_zeros_for_what_is_unseen(monkeypatch):
    where, sure = torch.full((2, 128, H, W), -1e4), torch.full((2, 128, H, W), 9.0)
    where[:, :, 1, 7] = 1e4
    sure[0, 20] = -9.0
    head = small_head()
    monkeypatch.setattr(head, "forward", lambda e: Maps(where[: len(e)], sure[: len(e)]))
    points = head.read(torch.zeros(2, 3, H, W))
    torch.testing.assert_close(points[0, 0, :2], torch.tensor([7.5 / W * 80, 1.5 / H * 48]))
    assert (points[0, 20] == 0).all() and points[1, 20, 2] > 0.99
    assert head.locate(torch.zeros(2, 3, H, W))[0, 20, 0] == 60


@torch.no_grad()
def test_the_neck_is_between_the_shoulders_and_clips_are_read_in_parts(monkeypatch):
    head = small_head()
    e = torch.randn(5, 3, 7, 9)  # odd grids are halved and doubled again
    points = head.locate(e)
    torch.testing.assert_close(points[:, 1, :2], points[:, [2, 5], :2].mean(1))
    torch.testing.assert_close(points[:, 1, 2], points[:, [2, 5], 2].amin(1))
    torch.testing.assert_close(head.locate(e, chunk=2), points, rtol=1e-4, atol=1e-4)


def test_embeddings_of_another_encoder_are_refused():
    with pytest.raises(MismatchError, match="4 channels"):
        small_head()(torch.zeros(1, 4, H, W))


def test_a_head_learns_where_a_bright_cell_is_finer_than_a_cell():
    head, draws = small_head().train(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(head.parameters(), 1e-2)

    def batch():
        xy = torch.rand(8, 1, 2, generator=draws) * 0.8 + 0.1
        truth = torch.cat([xy, torch.ones(8, 1, 1)], dim=-1).repeat(1, 128, 1)
        picture = bumps(torch.zeros(8, 128, H, W), truth)[:, :1].unflatten(2, (H, W)) * 8
        return torch.cat([picture, torch.zeros(8, 2, H, W)], dim=1), truth

    for _ in range(60):
        e, truth = batch()
        maps = head(e)
        (heat_loss(maps, truth) + place_loss(maps, truth) + confidence_loss(maps, truth)).backward()
        optimizer.step()
        optimizer.zero_grad()
    e, truth = batch()
    with torch.no_grad():
        found = head.eval().read(e)
    apart = (found[..., :2] - truth[..., :2] * torch.tensor([80.0, 48.0])).norm(dim=-1)
    assert apart.mean() < 0.35 * 8  # cells of 8 pixels
    assert (found[..., 2] > 0.9).all()


def test_channels_begin_alike_however_loud_they_are():
    """With one norm over all channels a quiet one, as of a finger's colour, would hardly be heard."""
    scales = torch.tensor([0.1, 1.0, 20.0])[:, None, None]
    e = torch.randn(16, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * scales + 3 * scales
    head = PoseHead(embedding_channels=3, size=(32, 32), block_out_channels=(8, 8))
    head.set_statistics(e)
    usual = head.norm_in(e)
    torch.testing.assert_close(usual.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    loud = usual.std(dim=(0, 2, 3))
    assert loud[1:].tolist() == pytest.approx([1, 1], abs=1e-3) and 0.5 < loud[0] <= 1.001


def test_a_silent_channel_is_not_made_loud():
    e = (
        torch.randn(1, 2, 8, 8, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1.0, 1e-6])[:, None, None]
    )
    head = PoseHead(embedding_channels=2, size=(32, 32), block_out_channels=(8, 8))
    head.set_statistics(e)
    assert float(head.norm_in(e).detach().std(dim=(0, 2, 3))[1]) < 0.01
