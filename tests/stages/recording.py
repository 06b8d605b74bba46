"""Stage 1's networks as recorders that note what they are given and answer by a known rule."""

from __future__ import annotations

import math
from types import SimpleNamespace

import torch
from small import small_config
from torch import nn

from signvip.models import VideoDenoiser
from signvip.stages.video_loss import VideoDiffusion

CLIPS, FRAMES, SIDE = 3, 2, 16  # latents are half the size of the small frames


class RecordingEncoder(nn.Module):
    """The mean colour of a drawing, as e (B*F, K*3, 1, 1)."""

    def forward(self, images):
        self.given = images
        return images.mean((2, 3), keepdim=True)


class RecordingDenoiser(nn.Module):
    """Predicts a share of what it is given, so that the loss is known from what was asked."""

    channels, window = 4, None

    def __init__(self, timed):
        super().__init__()
        self.timed, self.calls = timed, []

    def guide(self, e):
        self.guided_by = e
        return 2 * e

    def reference(self, latents, timestep):
        self.calls.append((latents, timestep))
        return {"layer": latents}

    def predict(self, noisy, timestep, guide, reference, cache=None):
        self.given = SimpleNamespace(sample=noisy, timestep=timestep, guide=guide, reference=reference)
        return 0.4 * noisy - 0.1


def recording_stage(*, timed=False, sampler=None, **stage1) -> VideoDiffusion:
    """Stage 1 around recorders; what each was given stands in its `given`."""
    config = small_config(stage1=stage1, sampler={"prediction": "epsilon", **(sampler or {})})
    denoiser = VideoDenoiser.around("recording", RecordingDenoiser(timed))
    nets = VideoDiffusion(config, RecordingEncoder(), denoiser)
    nets.asked, nets.recorder = config.sampler, denoiser.network
    return nets


def clips(seed=0, count=CLIPS, step=0):
    """A batch whose latents are far from noise: around 3, 4, 5 for its clips."""
    generator = torch.Generator().manual_seed(seed)
    offsets = torch.arange(count).view(-1, 1, 1, 1, 1) + 3.0
    return {
        "latents": offsets + 0.1 * torch.randn(count, FRAMES, 4, SIDE, SIDE, generator=generator),
        "reference": torch.randn(count, 4, SIDE, SIDE, generator=generator),
        "conditions": torch.randint(0, 256, (count, FRAMES, 6, 8, 8), generator=generator, dtype=torch.uint8),
        "step": step,
    }


def run_step(nets, batch, seed=0):
    """The loss of a batch, and what the denoiser was given, with the noise that Eq. 1 says is in it."""
    torch.manual_seed(seed)
    loss, _ = nets(batch)
    given = nets.recorder.given
    alpha = alphas(nets)[given.timestep].view(-1, 1, 1, 1, 1)
    clean = batch["latents"].double()
    given.alpha, given.loss = alpha, float(loss.detach())
    given.noise = (given.sample.double() - alpha.sqrt() * clean) / (1 - alpha).sqrt()
    return given


def alphas(nets):
    """alpha_t of Eq. 1 from the betas that the configuration asks for, written out (T,)."""
    asked = nets.asked
    roots = torch.linspace(math.sqrt(asked.beta_start), math.sqrt(asked.beta_end), 1000).double()
    signal = (1 - roots.square()).cumprod(0).sqrt()
    if asked.zero_terminal_snr:  # arXiv:2305.08891, algorithm 1
        signal = (signal - signal[-1]) * signal[0] / (signal[0] - signal[-1])
    return signal.square()
