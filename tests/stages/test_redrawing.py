"""Drawings that are read back off embeddings: a loss of stage 1, and what it teaches the encoder."""

from __future__ import annotations

import pytest
import torch
from small import small_config
from torch import nn

from signvip.models.networks import new_video_networks
from signvip.models.redrawing import Redrawing
from signvip.stages.video_loss import VideoDiffusion


def batch(seed=0):
    random = torch.Generator().manual_seed(seed)
    return {
        "latents": torch.randn(2, 2, 4, 16, 16, generator=random),
        "reference": torch.randn(2, 4, 16, 16, generator=random),
        "conditions": torch.randint(0, 256, (2, 2, 6, 32, 32), generator=random, dtype=torch.uint8),
        "step": 0,
    }


def stage(**options):
    config = small_config(stage1={"reference_dropout": 0.0, **options})
    torch.manual_seed(0)
    nets = VideoDiffusion(config, *new_video_networks(config))
    nets.train_images(config)
    return nets


def test_it_is_the_squared_error_of_the_drawings_by_the_weight_of_each_pixel():
    head = Redrawing(8, 6, 2)
    e, drawn, weights = torch.randn(3, 8, 5, 7), torch.randn(3, 6, 10, 14), torch.rand(3, 10, 14)
    head.layers = nn.Sequential(nn.Conv2d(8, 24, 1), nn.PixelShuffle(2))
    read = head.layers(e)
    expected = (weights[:, None] * (read - drawn) ** 2).sum() / (3 * 6 * 10 * 14)
    torch.testing.assert_close(head(e, drawn, weights), expected)
    torch.testing.assert_close(head(e, drawn), nn.functional.mse_loss(read, drawn))


def test_the_loss_has_it_by_its_weight_and_the_encoder_learns_from_it():
    nets, plain = stage(redraw=2.0), stage()
    assert plain.redrawing is None
    torch.manual_seed(1)
    loss, terms = nets(batch())
    torch.manual_seed(1)
    alone, nothing = plain(batch())
    torch.testing.assert_close(loss, alone + terms["redrawn"])
    assert nothing == {}
    drawn = batch()["conditions"].flatten(0, 1).float() / 127.5 - 1
    torch.testing.assert_close(terms["redrawn"], 2 * nets.redrawing(nets.encoder(drawn), drawn))
    nets.redrawing(nets.encoder(drawn), drawn).backward()
    assert all(weight.grad is not None for weight in nets.encoder.parameters())


def test_hands_weigh_more_where_they_do_in_the_latents():
    nets, given = stage(redraw=1.0), batch()
    regions = torch.ones(2, 2, 32, 32)
    regions[..., :16] = 3.0
    drawn = given["conditions"].flatten(0, 1).float() / 127.5 - 1
    _, terms = nets({**given, "regions": regions})
    expected = nets.redrawing(nets.encoder(drawn), drawn, regions.flatten(0, 1))
    torch.testing.assert_close(terms["redrawn"], expected)
    assert not torch.allclose(expected, nets.redrawing(nets.encoder(drawn), drawn))


@pytest.mark.parametrize("encoder", ["trained", "drawer"])
def test_it_is_learned_with_the_encoder_and_is_no_part_of_a_run(encoder):
    nets = stage(redraw=1.0, encoder=encoder)
    assert all(weight.requires_grad for weight in nets.redrawing.parameters())
    assert set(nets.learned_parts()) <= {"denoiser", "guider", "reference_net"}


def test_a_frozen_encoder_has_nothing_to_learn_from_it():
    nets = stage(redraw=1.0, encoder="frozen")
    assert nets.redrawing is None
    _, terms = nets(batch())
    assert terms == {}


def test_motion_is_trained_without():
    config = small_config(stage1={"redraw": 1.0})
    nets = VideoDiffusion(config, *new_video_networks(config, motion=True))
    nets.train_motion()
    assert nets.redrawing is None


def test_embeddings_that_learned_from_it_show_their_drawings_better():
    """Lines of one pixel, which the condition encoder halves twice, can be read off e after some steps."""
    torch.manual_seed(0)
    nets, given = stage(redraw=1.0), batch()
    drawn = given["conditions"].flatten(0, 1).float() / 127.5 - 1
    drawn = torch.where(drawn > 0.8, 1.0, -1.0)
    weights = [*nets.redrawing.parameters(), *nets.encoder.parameters()]
    optimizer = torch.optim.AdamW(weights, 3e-3)
    losses = []
    for _ in range(40):
        loss = nets.redrawing(nets.encoder(drawn), drawn)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
