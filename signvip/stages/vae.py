"""Stage I, first phase: the VAE, where no pretrained one is named (section 3.4 takes Stable Diffusion's)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from signvip.config import RunConfig, VaeTraining
from signvip.data.picture_scores import face_ssim, hand_psnr, hand_ssim, psnr, ssim
from signvip.data.pixels import to_model, to_pixels
from signvip.data.provenance import png_notice
from signvip.models.vae import build_vae, decode_latents, encode_images, vae_loss, whiten_latents
from signvip.models.vae_start import start_as_average
from signvip.stages.clips import Clips, Draws
from signvip.stages.crops import check_crops, crop_frames
from signvip.stages.poses import stored_keypoints
from signvip.stages.vae_sheet import vae_sheet
from signvip.training.trainable import device_of
from signvip.training.validation import Share, Sums, add

CALIBRATION_BATCHES = 16
SHEET = 12  # frames to look at
PARTS = {"hand_ssim": hand_ssim, "hand_psnr": hand_psnr, "face_ssim": face_ssim}  # where keypoints are stored


class VaeLoss(nn.Module):
    spread_by = (Attention,)  # beside its residual blocks, where weights are spread over processes

    def __init__(self, vae: nn.Module, training: VaeTraining | None = None) -> None:
        super().__init__()
        self.vae = vae
        self.options: dict[str, Any] = {}
        if training is not None:
            self.options = {"edges": training.edges, "noise": training.noise}

    def forward(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        return vae_loss(self.vae, to_model(batch["frames"]), **self.options)


class VaePhase:
    """Reconstruct single frames, or squares of them."""

    name = "stage1-vae"
    idle = False

    def __init__(self, config: RunConfig, training: VaeTraining, shards: Path) -> None:
        self.seed, self.training = config.seed, training
        self.train, self.dev = Clips(shards, "train", config), Clips(shards, "dev", config)
        if training.crops is not None:
            seen = stored_keypoints(self.train.coordinates(0)) is not None
            check_crops(training.crops, "stage1.vae.crops", config, keypoints=seen)
        self.vae = build_vae(**config.vae)
        start_as_average(self.vae)
        self.module = VaeLoss(self.vae, training)

    def batch(self, index: int) -> dict[str, Any]:
        return {"frames": torch.cat([self._read(*drawn) for drawn in self._draw(index)])}

    def _draw(self, index: int) -> Iterator[tuple[Draws, int, list[int]]]:
        """Yield the clips of a batch, and which of their frames."""
        for draws in Draws.of_batch(self.seed, self.name, index, self.training.clips):
            clip = draws.clip(len(self.train))
            yield draws, clip, draws.scattered(self.train.info(clip)["frames"], self.training.frames)

    def _read(self, draws: Draws, clip: int, picks: list[int]) -> Tensor:
        frames, crops = self.train.frames(clip, picks), self.training.crops
        if crops is None:
            return frames
        points = stored_keypoints(self.train.coordinates(clip))
        return crop_frames(frames, None if points is None else points[picks], crops, draws.random)

    def validate(self, folder: Path) -> dict[str, float]:
        """Mean scores of one frame from the middle of each dev clip, and of its hands and face where they are known."""
        return self.scores(self.measure(Share.of(len(self.dev), seed=0, whole=True), folder))

    def measure(self, share: Share, folder: Path) -> Sums:
        """Scores of this process's clips, added up; the first of them are stored to be looked at."""
        parts: list[Sums] = []
        shown: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]] = []
        for clip in share.own():
            truth, points = self._middle(clip)
            images = to_model(truth).to(device_of(self.vae))
            made = to_pixels(decode_latents(self.vae, encode_images(self.vae, images)[0]))
            wanted = truth.permute(0, 2, 3, 1).numpy()
            parts.append(_scores(made, wanted, points))
            shown += (
                [(wanted[0], made[0], None if points is None else points[0])] if len(shown) < SHEET else []
            )
        if shown and share.rank == 0:
            vae_sheet(shown).save(folder / "vae.png", pnginfo=png_notice())
        return add(parts)

    def scores(self, sums: Sums) -> dict[str, float]:
        """Means, from the sums of all processes: each over the frames that show what it looks at."""
        return {
            name: float(value / sums[f"{name}/seen"])
            for name, value in sums.items()
            if not name.endswith("/seen")
        }

    def finish(self) -> None:
        """Whiten the latents by training frames, so that the denoiser sees brightness and hue alike."""
        drawn = [drawn for index in range(CALIBRATION_BATCHES) for drawn in self._draw(index)]
        frames = torch.cat([self.train.frames(clip, picks) for _, clip, picks in drawn])  # whole ones
        whiten_latents(self.vae, to_model(frames).to(device_of(self.vae)))

    def _middle(self, clip: int) -> tuple[Tensor, np.ndarray | None]:
        """Return a frame (1, 3, H, W), and its keypoints (1, 128, 3) where they are stored."""
        middle = self.dev.info(clip)["frames"] // 2
        points = stored_keypoints(self.dev.coordinates(clip))
        return self.dev.frames(clip, [middle]), None if points is None else points[middle : middle + 1]


def _scores(made: np.ndarray, wanted: np.ndarray, points: np.ndarray | None) -> Sums:
    """Scores of frames, and with each the number 1 where the frames show what it looks at."""
    scores = {"psnr": psnr(made, wanted), "ssim": ssim(made, wanted)}
    if points is not None:
        scores |= {name: score(made, wanted, points) for name, score in PARTS.items()}
    found = {name: value for name, value in scores.items() if not math.isnan(value)}
    return found | {f"{name}/seen": 1.0 for name in found}
