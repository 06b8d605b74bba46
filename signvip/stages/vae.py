"""Stage I, first phase: the VAE, where no pretrained one is named (section 3.4 takes Stable Diffusion's)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from signvip.config import RunConfig, Training
from signvip.data.pixels import to_model, to_pixels
from signvip.data.sheet import contact_sheet
from signvip.evaluation.images import psnr, ssim
from signvip.models.vae import build_vae, decode_latents, encode_images, vae_loss, whiten_latents
from signvip.models.vae_start import start_as_average
from signvip.stages.clips import Clips, Draws
from signvip.trainable import device_of
from signvip.validation import Share, Sums, add, mean_scores

CALIBRATION_BATCHES = 16
SHEET = 12  # frames to look at


class VaeLoss(nn.Module):
    spread_by = (Attention,)  # beside its residual blocks, where weights are spread over processes

    def __init__(self, vae: nn.Module) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
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
        self.module = VaeLoss(self.vae)

    def batch(self, index: int) -> dict[str, Any]:
        frames = []
        for draws in Draws.of_batch(self.seed, self.name, index, self.training.clips):
            clip = draws.clip(len(self.train))
            picks = draws.scattered(self.train.info(clip)["frames"], self.training.frames)
            frames.append(self.train.frames(clip, picks))
        return {"frames": torch.cat(frames)}

    def validate(self, folder: Path) -> dict[str, float]:
        """Mean PSNR and SSIM of one frame from the middle of each dev clip."""
        return self.scores(self.measure(Share.of(len(self.dev), seed=0, whole=True), folder))

    def measure(self, share: Share, folder: Path) -> Sums:
        """Scores of this process's clips, added up; the first of them are stored to be looked at."""
        parts: list[Sums] = []
        rows: list[tuple[np.ndarray, np.ndarray]] = []
        for clip in share.own():
            truth = self._middle(clip)
            images = to_model(truth).to(device_of(self.vae))
            made = to_pixels(decode_latents(self.vae, encode_images(self.vae, images)[0]))
            wanted = truth.permute(0, 2, 3, 1).numpy()
            parts.append({"count": 1, "psnr": psnr(made, wanted), "ssim": ssim(made, wanted)})
            rows += [(wanted[0], made[0])] if len(rows) < SHEET else []
        if rows and share.rank == 0:
            sheet = contact_sheet([list(row) for row in zip(*rows, strict=True)], ["truth", "VAE"], scale=2)
            sheet.save(folder / "vae.png")
        return add(parts)

    def scores(self, sums: Sums) -> dict[str, float]:
        """Means, from the sums of all processes."""
        return mean_scores(sums)

    def finish(self) -> None:
        """Whiten the latents by training frames, so that the denoiser sees brightness and hue alike."""
        frames = torch.cat([self.batch(index)["frames"] for index in range(CALIBRATION_BATCHES)])
        whiten_latents(self.vae, to_model(frames).to(device_of(self.vae)))

    def _middle(self, clip: int) -> Tensor:
        return self.dev.frames(clip, [self.dev.info(clip)["frames"] // 2])
