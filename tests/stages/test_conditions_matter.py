"""Stage 1 learns to follow its conditions: on two clips that it knows by heart, exchanged conditions cost."""

from __future__ import annotations

import pytest
import torch
from small import small_config

from signvip.models.networks import new_video_networks
from signvip.stages.video_loss import VideoDiffusion


def networks(motion=False, **changes) -> VideoDiffusion:
    """The networks of stage 1 with random weights, as the image phase (or the motion phase) builds them."""
    torch.manual_seed(0)
    unet = {"block_out_channels": [16, 16], "attention_levels": [False, True]}
    config = small_config(size=[16, 16], denoiser=unet, **changes)
    encoder, denoiser = new_video_networks(config)
    return VideoDiffusion(config, encoder, denoiser.with_motion() if motion else denoiser)


def two_clips():
    """One signer in two poses: the reference tells nothing, only the conditions say which clip it is."""
    red, green, blue, yellow = [255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0]
    poses = torch.tensor([red + blue, green + yellow], dtype=torch.uint8)  # two conditions a clip
    latents = torch.randn(2, 1, 4, 1, 1, generator=torch.Generator().manual_seed(1))
    return {
        "latents": latents.repeat(1, 1, 1, 8, 8),
        "conditions": poses[:, None, :, None, None].repeat(1, 1, 1, 16, 16),
        "reference": latents.mean((0, 1))[None].repeat(2, 1, 8, 8),
        "step": 0,
    }


def loss_of(nets, batch):
    """The mean loss of a batch over timesteps and noises, the same for every batch."""
    torch.manual_seed(5)
    with torch.no_grad():
        return float(torch.stack([nets(batch)[0] for _ in range(12)]).mean())


def test_exchanged_conditions_make_the_loss_of_what_was_learned_by_heart_much_worse():
    nets, batch = networks(stage1={"reference_dropout": 0.0}), two_clips()
    optimizer = torch.optim.AdamW(nets.parameters(), 4e-3)
    torch.manual_seed(2)
    for _ in range(40):
        nets(batch)[0].backward()
        optimizer.step()
        optimizer.zero_grad()
    exchanged = {**batch, "conditions": batch["conditions"].flip(0)}
    assert loss_of(nets, batch) < 0.1  # of a variance of about one
    assert loss_of(nets, exchanged) > 5 * loss_of(nets, batch)


@pytest.mark.parametrize("motion", [False, True], ids=["image", "motion"])
def test_a_gradient_goes_from_the_loss_through_the_guider_into_the_encoder(motion):
    """Once the guider's last layers are not zero; at the start nothing but these learns from the conditions."""
    nets, batch = networks(motion), two_clips()
    nets(batch)[0].backward()
    assert all(layer.weight.grad.abs().sum() > 0 for layer in nets.guider.projections)
    for layer in nets.guider.projections:
        torch.nn.init.normal_(layer.weight, std=0.1)
    nets.zero_grad()
    nets(batch)[0].backward()
    for part in (nets.encoder, nets.guider.blocks):
        silent = [name for name, weight in part.named_parameters() if not weight.grad.abs().sum() > 0]
        assert silent == []
