"""Stage I, image and motion phases: the sign video diffusion model with its condition encoder (Eq. 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from signvip.config import RegionWeights, RunConfig, Training
from signvip.contracts import NUM_KEYPOINTS
from signvip.data.baseline import counting, still
from signvip.data.picture_scores import hand_ssim, psnr, ssim
from signvip.data.pixels import to_model, to_pixels
from signvip.data.provenance import png_notice
from signvip.data.sheet import contact_sheet
from signvip.errors import RunError
from signvip.models.vae import decode_latents, encode_images, shrinks_by
from signvip.origin.record import Origin
from signvip.origin.writing import write_marked
from signvip.registry import drawing
from signvip.sampling.sampler import make_scheduler, sample
from signvip.stages.clips import Clips, Draws
from signvip.stages.crops import check_crops, draw_corners
from signvip.stages.pixel_loss import PixelError
from signvip.stages.regions import region_weights
from signvip.stages.video_loss import VideoDiffusion
from signvip.training.trainable import Frozen, device_of
from signvip.training.validation import Share, Sums, add, mean_scores

PREVIEW_CLIPS, PREVIEW_STEPS = 4, 8  # at most; no more than `generate` takes


class VideoPhase:
    """Frames of a clip from its conditions and any one frame of the same clip, which may be among them."""

    def __init__(
        self,
        name: str,
        config: RunConfig,
        training: Training,
        shards: Path,
        vae: AutoencoderKL,
        module: VideoDiffusion,
        cached: bool,  # the shards hold latents of this very VAE
        blackout: float = 0.0,
    ) -> None:
        self.name, self.config, self.training = name, config, training
        self.train, self.dev = Clips(shards, "train", config), Clips(shards, "dev", config)
        self.cached, self.blackout = cached, blackout
        if config.stage1.region_weights != RegionWeights() and not self.train.index.has_keypoints:
            how = drawing("keypoints")
            raise RunError(
                f"stage1.region_weights are those of hands and faces, and {shards} has no keypoints to find them by; "
                f"leave them out, or preprocess with {how}."
            )
        self.squares = config.stage1.pixels and config.stage1.pixels.crops
        if self.squares:
            known = self.train.index.has_keypoints
            check_crops(self.squares, "stage1.pixels.crops", config, keypoints=known)
        self.vae, self.module = vae, WithLatents(module, vae, PixelError.of(config, vae))

    @property
    def idle(self) -> bool:
        """A step without a reference gives no gradient to what reads it, where that is trained: among images."""
        nets = self.module.nets
        learned = {id(weight) for weight in nets.parameters() if weight.requires_grad}
        images = not learned <= nets.whole.learning("motion")
        return images and self.config.stage1.reference_dropout > 0

    def batch(self, index: int) -> dict[str, Any]:
        batch = Draws.of_batch(self.config.seed, self.name, index, self.training.clips)
        samples = [self._sample(draws, draws.clip(len(self.train))) for draws in batch]
        return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}

    def _sample(self, draws: Draws, clip: int) -> dict[str, Tensor]:
        total, training = self.train.info(clip)["frames"], self.training
        picks = draws.frames(total, training.frames, training.stride)
        reference = int(draws.random.integers(total))
        conditions = self.train.conditions(clip, picks)
        others = len(self.train) > 1
        for place in range(len(picks)):
            if draws.random.random() < self.config.stage1.augmentation and others:
                conditions[place] = self._foreign(draws, clip)
        if self.blackout:
            conditions = self._black(draws, conditions)
        given = {"conditions": conditions, **self._regions(clip, picks), **self._corners(draws, clip, picks)}
        if self.cached:
            latents = self.train.array(clip, "latents.npy", [*picks, reference])
            return {"latents": latents[:-1], "reference": latents[-1], **given}
        frames = self.train.frames(clip, [*picks, reference])
        return {"frames": frames[:-1], "reference_frame": frames[-1], **given}

    def _regions(self, clip: int, picks: list[int]) -> dict[str, Tensor]:
        """Return the weight of errors in each pixel of a clip's frames (F, H, W); empty where all weigh the same."""
        weights = self.config.stage1.region_weights
        if weights == RegionWeights():
            return {}
        return {"regions": region_weights(self._points(clip, picks), self.config.size, weights)}

    def _corners(self, draws: Draws, clip: int, picks: list[int]) -> dict[str, Tensor]:
        """Return the first row and column of a square in each of a clip's frames (F, 2), in cells of latents."""
        if not self.squares:
            return {}
        corners = draw_corners(self._points(clip, picks), self.config.size, self.squares, draws.random)
        return {"corners": torch.tensor(corners) // shrinks_by(self.config.vae)}

    def _points(self, clip: int, picks: list[int]) -> np.ndarray:
        """Return keypoints (F, 128, 3) of a clip's frames; none is seen where the shards store none."""
        index = self.train.index
        return (
            index.keypoints(clip)[picks] if index.has_keypoints else np.zeros((len(picks), NUM_KEYPOINTS, 3))
        )

    def _black(self, draws: Draws, conditions: Tensor) -> Tensor:
        """Some conditions of some frames without a stroke, so that each must do without the others (F, K*3, H, W)."""
        kinds = len(self.train.painters)
        seen = torch.from_numpy(draws.random.random((len(conditions), kinds)) >= self.blackout)
        return conditions * seen.repeat_interleave(conditions.shape[1] // kinds, dim=1)[..., None, None]

    def _foreign(self, draws: Draws, clip: int) -> Tensor:
        """Condition augmentation (section 3.4): a frame from another video, never from the clip itself."""
        other = (clip + int(draws.random.integers(1, len(self.train)))) % len(self.train)
        return self.train.conditions(other, [int(draws.random.integers(self.train.info(other)["frames"]))])[0]

    def validate(self, folder: Path) -> dict[str, float]:
        """Mean scores of the first dev clips, which are stored beside their truth to be looked at."""
        return self.scores(self.measure(Share.of(len(self.dev), seed=0, whole=True), folder))

    def measure(self, share: Share, folder: Path) -> Sums:
        """Scores of a few clips, added up: to sample a clip takes as long as many steps, so there are never more."""
        parts, rows, keys = [], [], self.dev.index.keys
        for clip in share.own(PREVIEW_CLIPS):
            truth, made, reference = self._reconstruct(clip)
            counts = counting(truth, reference)
            found = self._scores(clip, made, truth, counts)
            beaten = self._scores(clip, still(reference, len(truth)), truth, counts)
            parts.append({"count": 1, **found, **{f"still_{name}": value for name, value in beaten.items()}})
            rows += [list(truth[::4]), list(made[::4])]
            text = self.dev.info(clip)["text"]
            write_marked(folder / f"{keys[clip]}.mp4", made, self.config.fps, Origin(text))
        if rows:
            name = f"clips-{share.rank}.png" if share.rank else "clips.png"
            sheet = contact_sheet(rows, ["truth", "made"] * (len(rows) // 2), scale=2)
            sheet.save(folder / name, pnginfo=png_notice())
        return add(parts)

    def scores(self, sums: Sums) -> dict[str, float]:
        """Means, from the sums of all processes."""
        return mean_scores(sums)

    def _scores(
        self, clip: int, made: np.ndarray, truth: np.ndarray, counts: np.ndarray | None = None
    ) -> dict[str, float]:
        """Hand SSIM too where the shards know where hands are, whatever the model is conditioned on.

        Frames that equal the reference picture do not count, unless a window has no others.
        """
        picks = np.flatnonzero(counts) if counts is not None and counts.any() else np.arange(len(truth))
        made, truth = made[picks], truth[picks]
        found = {"psnr": psnr(made, truth), "ssim": ssim(made, truth)}
        if self.dev.index.has_keypoints:
            points = self.dev.index.keypoints(clip)
            found["hand_ssim"] = hand_ssim(made, truth, points[picks])
        return found

    def _reconstruct(self, clip: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Truth and reconstruction of a window of a dev clip, and its reference, which is the clip's last frame."""
        nets, device = self.module.nets, device_of(self.module)
        count = min(self.config.sampler.window, self.dev.info(clip)["frames"])
        last = self.dev.info(clip)["frames"] - 1
        frames = self.dev.frames(clip, [*range(count), last])
        reference = encode_images(self.vae, to_model(frames[-1:]).to(device))[0]
        e = nets.encoder(to_model(self.dev.conditions(clip, range(count)).to(device)))
        latents = sample(
            nets.whole,
            make_scheduler("ddim", self.config.sampler),
            reference,
            e[None],
            steps=min(PREVIEW_STEPS, self.config.sampler.steps),
            guidance_scale=1.0,
            generators=[torch.Generator().manual_seed(clip)],
            window=self.config.sampler.window,
            overlap=self.config.sampler.overlap,
            tail=self.config.sampler.tail,
        )
        pictures = frames.permute(0, 2, 3, 1).numpy()
        return pictures[:-1], to_pixels(decode_latents(self.vae, latents[0])), pictures[-1]


class WithLatents(nn.Module):
    """Encodes frames on the way in where the shards hold no cached latents."""

    def __init__(
        self, nets: VideoDiffusion, vae: AutoencoderKL, pixel_error: PixelError | None = None
    ) -> None:
        super().__init__()
        self.nets, self.vae, self.pixel_error = nets, Frozen(vae), pixel_error

    def forward(self, batch: dict[str, Any]) -> tuple[Tensor, dict[str, Tensor]]:
        return self.nets(self.with_latents(batch), self.pixel_error)

    @torch.no_grad()
    def with_latents(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Return a batch with latents of its frames and references, where it has none."""
        if "frames" not in batch:
            return batch
        return {**batch, **self._encode(batch["frames"], batch["reference_frame"])}

    def _encode(self, frames: Tensor, reference: Tensor) -> dict[str, Tensor]:
        vae = self.vae.network
        latents = encode_images(vae, to_model(frames.flatten(0, 1)))[0].unflatten(0, frames.shape[:2])
        return {"latents": latents, "reference": encode_images(vae, to_model(reference))[0]}
