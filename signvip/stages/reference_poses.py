"""Stage II, the last head: it reads off a picture where its signer is, from the latents of the VAE.

Any frame of a signer may be a reference, so every frame is an example. What it reads is where head and body of a text's
poses are moved to (`sampler.retarget`).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from signvip.data.pixels import to_model
from signvip.models import PoseHead
from signvip.models.pose_head import Maps, cell_centres
from signvip.models.pose_losses import confidence_loss, heat_loss, place_loss
from signvip.models.retargeting import LANDMARKS, PARTS
from signvip.models.vae import encode_images
from signvip.stages.clips import Clips
from signvip.stages.poses import KeypointLoss, PosesPhase

ERASED = 0.25
"""Share of the frames of a step of which a rectangle is flat, so that the head learns what it cannot see."""
LARGEST = 1.25
"""Sides of the picture, half of the longest side of such a rectangle: about one in six is the whole picture."""


class ReferenceLoss(KeypointLoss):
    """The loss of the head, behind the frozen VAE."""

    def __init__(self, head: PoseHead, vae: AutoencoderKL) -> None:
        super().__init__(head, vae)

    @torch.no_grad()
    def embed(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Latents (B, C, h, w), stored or computed from frames (B, 3, H, W) uint8."""
        if "latents" in batch:
            return batch["latents"].float()
        return encode_images(self.encoder.network, to_model(batch["frames"]))[0]

    def forward(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Losses of the pose head, where two shoulders count as much as the seventy points of a head."""
        latents, truth = erase(self.embed(batch), batch["keypoints"], ERASED)
        maps = self.head(latents)
        parts = [_part(maps, truth, part.landmarks) for part in PARTS]
        losses = {
            "heat": torch.stack([heat_loss(*part) for part in parts]).mean(),
            "places": torch.stack([place_loss(*part) for part in parts]).mean(),
            "confidence": confidence_loss(maps, truth),
        }
        return torch.stack([*losses.values()]).sum(), {name: loss.detach() for name, loss in losses.items()}


def erase(latents: Tensor, truth: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Fill a rectangle in a share of latents (B, C, h, w) with one of their cells; its keypoints (B, 128, 3) are gone.

    Random erasing (arXiv:1708.04896), of up to the whole picture: no frame of a signer shows that there may be none.
    """
    (count, _, height, width), device = latents.shape, latents.device
    middle, half = torch.rand(2, count, 1, device=device), LARGEST * torch.rand(2, count, 1, device=device)
    half = half * (torch.rand(count, 1, device=device) < share)  # of no extent: nothing is within
    x, y = cell_centres(latents)
    across, down = (x - middle[0]).abs() < half[0], (y - middle[1]).abs() < half[1]
    cells = latents.flatten(2)[torch.arange(count), :, torch.randint(height * width, (count,))]
    flat = torch.where((down[:, :, None] & across[:, None])[:, None], cells[..., None, None], latents)
    gone = ((truth[..., 0] - middle[0]).abs() < half[0]) & ((truth[..., 1] - middle[1]).abs() < half[1])
    return flat, torch.where(gone[..., None], torch.zeros_like(truth), truth)


def _part(maps: Maps, truth: Tensor, points: tuple[int, ...]) -> tuple[Maps, Tensor]:
    return Maps(*(each[:, points] for each in maps)), truth[:, points]


class ReferencePhase(PosesPhase):
    """Learn to read the landmarks of head and body off single frames; all other points are told as unseen."""

    name = "stage2-reference"

    def _read(self, clips: Clips, clip: int, picks: list[int]) -> dict[str, Tensor]:
        read = super()._read(clips, clip, picks)
        landmarks = torch.zeros_like(read["keypoints"])
        landmarks[:, LANDMARKS] = read["keypoints"][:, LANDMARKS]
        return {**read, "keypoints": landmarks}

    def _shown(self, clips: Clips, clip: int, picks: list[int]) -> dict[str, Tensor]:
        if self.stored:
            return {"latents": clips.array(clip, "latents.npy", picks)}
        return {"frames": clips.frames(clip, picks)}
