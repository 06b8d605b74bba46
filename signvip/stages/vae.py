"""Stage I, first phase: the VAE, where no pretrained one is named (section 3.4 takes Stable Diffusion's)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from signvip.config import RunConfig, Training
from signvip.data.pixels import to_model, to_pixels
from signvip.data.sheet import contact_sheet
from signvip.evaluation.images import psnr, ssim
from signvip.models.vae import build_vae, decode_latents, encode_images, vae_loss, whiten_latents
from signvip.models.vae_start import start_as_average
from signvip.stages.clips import Clips, Draws

CALIBRATION_BATCHES = 16


class _VaeLoss(nn.Module):
    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
        return vae_loss(self.vae, to_model(batch["frames"]))


class VaePhase:
    """Reconstruct single frames."""

    name = "stage1-vae"
    idle = False

    def __init__(self, config: RunConfig, training: Training, shards: Path) -> None:
        self.seed, self.training = config.seed, training
        self.train, self.dev = Clips(shards, "train", config), Clips(shards, "dev", config)
        self.vae = build_vae(**config.vae)
        start_as_average(self.vae)
        self.module = _VaeLoss(self.vae)

    def batch(self, index: int) -> dict[str, Any]:
        frames = []
        for draws in Draws.of_batch(self.seed, self.name, index, self.training.clips):
            clip = draws.clip(len(self.train))
            picks = draws.scattered(self.train.info(clip)["frames"], self.training.frames)
            frames.append(self.train.frames(clip, picks))
        return {"frames": torch.cat(frames)}

    def validate(self, folder: Path) -> dict[str, float]:
        truth = torch.cat([self._middle(clip) for clip in range(len(self.dev))])
        device = next(self.vae.parameters()).device
        rebuilt = decode_latents(self.vae, encode_images(self.vae, to_model(truth).to(device))[0])
        pixels, wanted = to_pixels(rebuilt), truth.permute(0, 2, 3, 1).numpy()
        contact_sheet([list(wanted[:12]), list(pixels[:12])], ["truth", "VAE"], scale=2).save(
            folder / "vae.png"
        )
        return {"psnr": psnr(pixels, wanted), "ssim": ssim(pixels, wanted)}

    def finish(self) -> None:
        """Whiten the latents by training frames, so that the denoiser sees brightness and hue alike."""
        frames = torch.cat([self.batch(index)["frames"] for index in range(CALIBRATION_BATCHES)])
        whiten_latents(self.vae, to_model(frames))

    def _middle(self, clip: int) -> Tensor:
        return self.dev.frames(clip, [self.dev.info(clip)["frames"] // 2])
