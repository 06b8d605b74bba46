"""The denoiser's options at equal CPU time: arms trained on the same frames, each until its time is spent.

    signvip train --stage 1 --shards SHARDS --run RUN --config 128.toml --set 'stage1.phases=["vae"]'
    python benchmarks/recipe.py SHARDS RUN --config 128.toml --minutes 10 --output recipe.json

RUN needs no more than its VAE; `--config` has the networks. Frames of many signers are encoded once and held in memory,
so that a step is networks and nothing else. CPU time is that of the arm's process, measurements left out; at a few
shares of it the averaged weights are measured on signers that no arm sees. The learning rate is constant.

Errors are those of clean latents over their variance, so that a guess at the mean has 1: from pure noise, where one
answer of the network is judged and no sampler, over whole frames and inside the boxes of hands. Pixels are sampled.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.training_utils import EMAModel
from PIL import Image
from torch import Tensor

from signvip.config import RegionWeights, RunConfig, load_config
from signvip.data.picture_scores import face_ssim, hand_psnr, hand_ssim, psnr, ssim
from signvip.data.pixels import to_model, to_pixels
from signvip.data.sheet import contact_sheet, spread
from signvip.models.networks import new_video_networks
from signvip.models.vae import decode_latents, encode_images
from signvip.run import Run
from signvip.sampling.levels import nearest_timesteps
from signvip.sampling.sampler import make_scheduler, sample
from signvip.stages.clips import Clips
from signvip.stages.parts import load_vae
from signvip.stages.regions import on_cells, region_weights
from signvip.stages.video_loss import VideoDiffusion
from signvip.training.optimizer import build_optimizer

READS = ["denoiser.reference_concat=true"]
VELOCITY = ["sampler.prediction=v_prediction", "stage1.loss=sample"]
BY_SIGMA = ["stage1.timesteps=sigma", "sampler.timestep_spacing=sigma"]
REGIONS = ['stage1.region_weights={"hands":4,"face":2}']
ARMS = {
    "plain": [],
    "recipe": [*READS, *VELOCITY, *BY_SIGMA, *REGIONS],
    "reads": READS,
    "velocity": VELOCITY,
    "by sigma": BY_SIGMA,
    "regions": REGIONS,
    "recipe, does not read": [*VELOCITY, *BY_SIGMA, *REGIONS],
    "recipe, x0": [*READS, *BY_SIGMA, *REGIONS],
    "recipe, uniform": [*READS, *VELOCITY, *REGIONS],
    "recipe, no regions": [*READS, *VELOCITY, *BY_SIGMA],
}
SIGMAS, STEPS = (3.0, 0.8, 0.2), (1, 2, 4, 8)
DEV_CLIPS, DEV_FRAMES = 25, 6
EMA = 0.99


@dataclass
class Frames:
    """Some frames of each of N clips, M of them, the last one of the clip at the end."""

    latents: Tensor  # (N, M, C, h, w)
    conditions: Tensor  # (N, M, K*3, H, W) uint8
    pictures: np.ndarray  # (N, M, H, W, 3) uint8
    keypoints: np.ndarray  # (N, M, 128, 3)

    @classmethod
    def read(cls, clips: Clips, vae: torch.nn.Module, count: int, frames: int) -> Frames:
        """Decode, draw and encode the first `count` clips."""
        rows = []
        for clip in range(min(count, len(clips))):
            picks = spread(clips.info(clip)["frames"], frames)
            pictures = clips.frames(clip, picks)
            points = clips.index.load(clip, "pose.npz")["keypoints"][picks]
            conditions = clips.conditions(clip, picks)
            latents = encode_images(vae, to_model(pictures))[0]
            rows.append((latents, conditions, pictures.permute(0, 2, 3, 1).numpy(), points))
        latents, conditions, pictures, points = zip(*rows, strict=True)
        return cls(torch.stack(latents), torch.stack(conditions), np.stack(pictures), np.stack(points))

    def batch(self, step: int, config: RunConfig) -> dict[str, Tensor | int]:
        """Return a step's batch, the same for all arms: frames of some clips, and any one of each for its reference."""
        training, draws = config.stage1.image, np.random.default_rng(step)
        rows = draws.choice(len(self.latents), training.clips, replace=False)[:, None]
        picks = draws.permuted(np.tile(np.arange(self.latents.shape[1]), (len(rows), 1)), axis=1)
        picks, reference = picks[:, : training.frames], draws.integers(self.latents.shape[1], size=len(rows))
        batch = {
            "latents": self.latents[rows, picks],
            "conditions": self.conditions[rows, picks],
            "reference": self.latents[rows[:, 0], reference],
            "step": step,
        }
        weights = config.stage1.region_weights
        if weights != RegionWeights():
            regions = [region_weights(points, config.size, weights) for points in self.keypoints[rows, picks]]
            batch["regions"] = torch.stack(regions)
        return batch


def main() -> None:
    """Train the arms that are asked for, and write what each was at each share of its time."""
    options = _options()
    base = load_config("tiny", options.config)
    run = Run.open(options.run)
    vae = load_vae(run).requires_grad_(False)
    torch.set_num_threads(1)
    learned = Frames.read(Clips(options.shards, "train", base), vae, options.clips, options.frames)
    unseen = Frames.read(Clips(options.shards, "dev", base), vae, DEV_CLIPS, DEV_FRAMES)
    found: dict[str, Any] = {"baselines": _baselines(unseen, vae)}
    print(json.dumps(found), flush=True)
    for name, settings in options.arms.items():
        config = load_config("tiny", options.config, [*options.set, *settings])
        found[name] = []
        for spent, steps, nets in _train(config, learned, options.minutes, options.shares):
            values, sheet = measure(config, nets, vae, unseen, whole=spent >= 60 * options.minutes)
            found[name].append({"minutes": spent / 60, "steps": steps, **values})
            sheet.save(options.output.with_name(f"{options.output.stem}-{name.replace(' ', '-')}.png"))
            print(json.dumps({name: found[name][-1]}), flush=True)
            options.output.write_text(json.dumps(found, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("shards", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--config", type=Path, required=True, help="a TOML file over the preset tiny")
    parser.add_argument("--set", action="append", default=[], help="of all arms")
    parser.add_argument("--minutes", type=float, default=10.0, help="of CPU time for an arm")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.25, 0.5, 1.0], help="when to measure")
    parser.add_argument("--clips", type=int, default=415, help="of the train split")
    parser.add_argument("--frames", type=int, default=6, help="of each clip")
    parser.add_argument("--arm", action="append", nargs="+", metavar="NAME SETTING", default=[])
    parser.add_argument("--output", type=Path, required=True)
    options = parser.parse_args()
    chosen = options.arm or [["plain"], ["recipe"]]
    options.arms = {name: settings or ARMS[name] for name, *settings in chosen}
    return options


def _train(
    config: RunConfig, frames: Frames, minutes: float, shares: Sequence[float]
) -> Iterator[tuple[float, int, VideoDiffusion]]:
    """Yield seconds of CPU time, steps and the averaged networks, at each share of the minutes."""
    torch.manual_seed(config.seed)
    nets = VideoDiffusion(config, *new_video_networks(config))
    training, learn = config.stage1.image, [weight for weight in nets.parameters() if weight.requires_grad]
    optimizer = build_optimizer(training, learn)
    averages = EMAModel(learn, decay=training.ema or EMA, use_ema_warmup=True, power=3 / 4)
    spent, step = 0.0, 0
    for share in shares:
        while spent < 60 * minutes * share:
            begun = time.process_time()
            torch.manual_seed(step)
            for group in optimizer.param_groups:
                group["lr"] = training.learning_rate * min(1.0, (step + 1) / max(1, training.warmup))
            with torch.autocast("cpu", torch.bfloat16, enabled=config.precision == "bf16"):
                loss, _ = nets(frames.batch(step, config))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(learn, training.clip_norm or math.inf)
            optimizer.step()
            optimizer.zero_grad()
            averages.step(learn)
            step, spent = step + 1, spent + time.process_time() - begun
        averages.store(learn)
        averages.copy_to(learn)
        yield spent, step, nets.eval()
        averages.restore(learn)
        nets.train()


@torch.no_grad()
def measure(
    config: RunConfig, nets: VideoDiffusion, vae: torch.nn.Module, frames: Frames, *, whole: bool
) -> tuple[dict[str, float], Image.Image]:
    """Errors of clean latents from pure noise, and pixels from one step; true and made frames.

    As a `whole`, from other levels of noise too, and pixels by the number of steps.
    """
    found: dict[str, float] = {}
    hands = hand_cells(frames)
    for sigma in (math.inf, *(SIGMAS if whole else ())):
        errors = _errors(nets, frames, sigma)
        name = "pure noise" if math.isinf(sigma) else f"sigma {sigma:g}"
        found[name] = float(errors.mean())
        found[f"{name}, hands"] = float((errors * hands).sum() / (hands.sum() * errors.shape[2]))
    for steps in STEPS if whole else STEPS[:1]:
        made = _sampled(config, nets, vae, frames, steps)
        found |= {f"{key}, {steps} steps": value for key, value in scores(made, frames).items()}
    return found, sheet_of(made, frames)


def hand_cells(frames: Frames) -> Tensor:
    """1 in cells (N, M, 1, h, w) of which at least half lies in the box of a hand."""
    size, marks = frames.pictures.shape[2:4], RegionWeights(hands=2.0)
    pixels = torch.stack([region_weights(points, size, marks) for points in frames.keypoints])
    return (on_cells(pixels, frames.latents) >= 1.5).float()


def _errors(nets: VideoDiffusion, frames: Frames, sigma: float) -> Tensor:
    """Squared errors (N, M, C, h, w) of one answer of the network, over the latents' variance."""
    scheduler = nets.scheduler
    place = nearest_timesteps(scheduler.alphas_cumprod, torch.tensor(sigma))
    alpha, rows = scheduler.alphas_cumprod[place], []
    for row, latents in enumerate(frames.latents.split(1)):
        noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(row))
        noisy = alpha.sqrt() * latents + (1 - alpha).sqrt() * noise
        e = nets.encoder(to_model(frames.conditions[row])).unflatten(0, latents.shape[:2])
        read = nets.whole.reference(latents[:, -1], place if nets.whole.timed else 0)
        made = nets.whole.predict(noisy, place, nets.whole.guide(e), read)
        clean = {
            "epsilon": (noisy - (1 - alpha).sqrt() * made) / alpha.sqrt(),
            "v_prediction": alpha.sqrt() * noisy - (1 - alpha).sqrt() * made,
            "sample": made,
        }[scheduler.config.prediction_type]
        rows.append((clean - latents).square())
    return torch.cat(rows) / frames.latents.var()


def _sampled(
    config: RunConfig, nets: VideoDiffusion, vae: torch.nn.Module, frames: Frames, steps: int
) -> np.ndarray:
    """Frames (N, M, H, W, 3) from true conditions, without guidance."""
    made = []
    for row, latents in enumerate(frames.latents.split(1)):
        e = nets.encoder(to_model(frames.conditions[row]))[None]
        scheduler = make_scheduler("ddim", config.sampler)
        generators = [torch.Generator().manual_seed(row)]
        given = nets.whole, scheduler, latents[:, -1], e
        found = sample(*given, steps=steps, guidance_scale=1.0, generators=generators)
        made.append(to_pixels(decode_latents(vae, found[0])))
    return np.stack(made)


def scores(made: np.ndarray, frames: Frames) -> dict[str, float]:
    """Pixels of all frames but each clip's last, which is the reference."""
    made, truth = (
        made[:, :-1].reshape(-1, *made.shape[2:]),
        frames.pictures[:, :-1].reshape(-1, *made.shape[2:]),
    )
    points = frames.keypoints[:, :-1].reshape(-1, *frames.keypoints.shape[2:])
    return {
        "PSNR": psnr(made, truth),
        "SSIM": ssim(made, truth),
        "hand PSNR": hand_psnr(made, truth, points),
        "hand SSIM": hand_ssim(made, truth, points),
        "face SSIM": face_ssim(made, truth, points),
    }


def _baselines(frames: Frames, vae: torch.nn.Module) -> dict[str, dict[str, float]]:
    """Return the reference, unchanged, and the true latents, decoded."""
    reference = frames.latents[:, -1:].expand_as(frames.latents)
    errors, hands = (reference - frames.latents).square() / frames.latents.var(), hand_cells(frames)
    still = np.repeat(frames.pictures[:, -1:], frames.pictures.shape[1], axis=1)
    decoded = np.stack([to_pixels(decode_latents(vae, latents)) for latents in frames.latents])
    return {
        "the reference, unchanged": {
            "error": float(errors.mean()),
            "error, hands": float((errors * hands).sum() / (hands.sum() * errors.shape[2])),
            **scores(still, frames),
        },
        "the VAE alone": scores(decoded, frames),
    }


def sheet_of(made: np.ndarray, frames: Frames) -> Image.Image:
    """True frames over made ones, of the first clips."""
    rows = [row for clip in range(4) for row in (list(frames.pictures[clip]), list(made[clip]))]
    return contact_sheet(rows, ["truth", "made"] * 4, scale=2)


if __name__ == "__main__":
    main()
