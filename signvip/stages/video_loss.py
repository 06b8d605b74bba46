"""The loss of stage I: the noise of latents that are guided by their conditions and a reference (Eq. 1 and 5)."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

import torch
from diffusers import ModelMixin
from diffusers.training_utils import compute_snr
from torch import Tensor, nn
from torch.nn import functional

from signvip.config import RunConfig
from signvip.data.pixels import to_model
from signvip.models import ConditionEncoder, VideoDenoiser
from signvip.models.redrawing import Redrawing
from signvip.sampling.levels import draw_timesteps
from signvip.sampling.sampler import make_scheduler
from signvip.stages.pixel_loss import PixelError
from signvip.stages.regions import on_cells
from signvip.training.seeds import step_seed


class Noised(NamedTuple):
    """Clips as the denoiser is given them."""

    noisy: Tensor  # (B, F, 4, h, w), as their noise
    noise: Tensor
    timestep: Tensor  # (B,)
    guide: Any
    reference: Any | None


class VideoDiffusion(nn.Module):
    """The networks of stage I and their loss."""

    def __init__(
        self,
        config: RunConfig,
        encoder: ConditionEncoder,
        denoiser: VideoDenoiser,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        # held by its parts, so that checkpoints have the names of a run's folders; in a tuple torch does not look
        self._whole = (denoiser,)
        for name, part in denoiser.parts().items():
            self.add_module(name, part)
        if config.stage1.gradient_checkpointing:
            denoiser.enable_gradient_checkpointing()
        self.redrawing: Redrawing | None = None  # while images are trained, where it is asked for
        self.scheduler = make_scheduler("ddpm", config.sampler)
        self.stage1 = config.stage1
        self.snr_gamma, self.noise_offset = config.stage1.snr_gamma, config.stage1.noise_offset
        self.seed, self.reference_dropout = config.seed, config.stage1.reference_dropout

    @property
    def whole(self) -> VideoDenoiser:
        """The denoiser with all its parts."""
        return self._whole[0]

    def train_images(self, config: RunConfig) -> None:
        """Train the encoder and what the denoiser learns of images; what the configuration says stays as it is."""
        self.encoder.requires_grad_(config.stage1.encoder != "frozen")
        self.whole.learn("image", frozen=config.stage1.denoiser == "frozen")
        if config.stage1.redraw and config.stage1.encoder != "frozen":
            drawn = 3 * len(config.conditions)
            self.redrawing = Redrawing(self.encoder.embedding_channels, drawn, self.encoder.factor)

    def train_motion(self) -> None:
        """Train nothing but the denoiser's motion."""
        self.encoder.requires_grad_(False)
        self.whole.learn("motion")

    def train_detail(self) -> None:
        """Train nothing but the denoiser's head for detail."""
        self.encoder.requires_grad_(False)
        self.whole.learn("detail")

    def learned_parts(self) -> dict[str, ModelMixin]:
        """Return the parts of the denoiser that this phase changes, by the names of their folders."""
        return {
            name: part
            for name, part in self.whole.parts().items()
            if any(weight.requires_grad for weight in part.parameters())
        }

    def forward(
        self, batch: dict[str, Any], pixel_error: PixelError | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of clips, and its terms; with errors of pixels where something tells them."""
        latents = batch["latents"]
        drawn = to_model(batch["conditions"].flatten(0, 1))  # (B*F, K*3, H, W)
        e = self.encoder(drawn)
        given = self._noised(batch, e, dropped=self._without_reference(batch["step"]))
        noisy, timestep = given.noisy, given.timestep
        prediction = self.whole.predict(noisy, timestep, given.guide, given.reference)
        target = self._target(latents, given.noise, timestep)
        errors = functional.mse_loss(prediction.float(), target.float(), reduction="none")
        if "regions" in batch:
            errors = errors * on_cells(batch["regions"], latents)
        errors = errors.flatten(1).mean(1)
        terms = {"latents": (errors * self.loss_weights(timestep)).mean()}
        if pixel_error is not None:
            made = self.clean(noisy, prediction, timestep)
            terms["pixels"] = pixel_error(*(each.flatten(0, 1) for each in (made, latents, batch["corners"])))
        if self.redrawing is not None:
            weights = batch["regions"].flatten(0, 1) if "regions" in batch else None
            terms["redrawn"] = self.stage1.redraw * self.redrawing(e, drawn, weights)
        loss = torch.stack(list(terms.values())).sum()
        return loss, {name: term.detach() for name, term in terms.items()} if len(terms) > 1 else {}

    def before_detail(self, batch: dict[str, Any]) -> dict[str, Tensor]:
        """Return what the head for detail reads of clips (B, F, C, h, w), and what it is to make of that."""
        given = self._noised(batch, self.encoder(to_model(batch["conditions"].flatten(0, 1))), dropped=False)
        return {
            "read": self.whole.before_detail(given.noisy, given.timestep, given.guide, given.reference),
            "noisy": given.noisy,
            "latents": batch["latents"],
            "target": self._target(batch["latents"], given.noise, given.timestep),
            "timestep": given.timestep,
        }

    def _noised(self, batch: dict[str, Any], e: Tensor, *, dropped: bool) -> Noised:
        """Return clips with noise, and what guides them."""
        latents = batch["latents"]  # (B, F, 4, h, w)
        guide = self.whole.guide(e.unflatten(0, latents.shape[:2]))
        noise = self._noise(latents)
        timestep = self._timesteps(latents)
        noisy = self.scheduler.add_noise(latents, noise, timestep)
        seen_at = timestep if self.whole.timed else 0
        reference = None if dropped else self.whole.reference(batch["reference"], seen_at)
        return Noised(noisy, noise, timestep, guide, reference)

    def _timesteps(self, latents: Tensor) -> Tensor:
        """Draw the timesteps (B,), which set how noisy each clip is."""
        if self.stage1.timesteps == "uniform":
            steps = self.scheduler.config.num_train_timesteps
            return torch.randint(0, steps, latents.shape[:1], device=latents.device)
        alphas = self._alphas(latents.device)
        return draw_timesteps(alphas, len(latents), self.stage1.pure_noise, self.stage1.log_sigma)

    def _alphas(self, device: torch.device) -> Tensor:
        return self.scheduler.alphas_cumprod.to(device, non_blocking=True)

    def _noise(self, latents: Tensor) -> Tensor:
        noise = torch.randn_like(latents)
        if self.noise_offset:
            # one number for each clip and channel, so that brightness is noised as well
            noise = noise + self.noise_offset * torch.randn_like(latents[:, :1, :, :1, :1])
        return noise

    def loss_weights(self, timestep: Tensor) -> Tensor:
        """Weights (B,) of the clips' losses, which are those of the prediction.

        In x_0 that is its error over `own`; Min-SNR weighs that with min(SNR, gamma) (arXiv:2303.09556, section 3.4).
        """
        if not self.snr_gamma and self.stage1.loss == "prediction":
            return torch.ones_like(timestep, dtype=torch.float32)
        snr = compute_snr(self.scheduler, timestep)
        own = {"epsilon": snr, "v_prediction": snr + 1, "sample": torch.ones_like(snr)}
        clean = snr.clamp(max=self.snr_gamma) if self.snr_gamma else torch.ones_like(snr)
        return clean / own[self.scheduler.config.prediction_type]

    def _without_reference(self, step: int) -> bool:
        """Return whether a step drops the reference: all of it, in all processes, to save computing it."""
        return random.Random(step_seed(self.seed, "reference", step)).random() < self.reference_dropout

    def clean(self, noisy: Tensor, prediction: Tensor, timestep: Tensor) -> Tensor:
        """Clean latents that follow from a prediction: Eq. 1 solved for x_0."""
        kind = self.scheduler.config.prediction_type
        if kind == "sample":
            return prediction
        alphas = self._alphas(noisy.device)[timestep].view(-1, 1, 1, 1, 1)
        if kind == "v_prediction":
            return alphas.sqrt() * noisy - (1 - alphas).sqrt() * prediction
        return (noisy - (1 - alphas).sqrt() * prediction) / alphas.sqrt()

    def _target(self, latents: Tensor, noise: Tensor, timestep: Tensor) -> Tensor:
        prediction = self.scheduler.config.prediction_type
        if prediction == "v_prediction":
            return self.scheduler.get_velocity(latents, noise, timestep)
        return latents if prediction == "sample" else noise
