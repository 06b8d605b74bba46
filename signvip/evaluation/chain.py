"""The numbers of the whole chain on clips that training never saw: `signvip demo` prints them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from signvip.data.pixels import to_model, to_pixels
from signvip.evaluation.images import hand_ssim, psnr, ssim
from signvip.evaluation.trajectories import WristProbe, fit_wrist_probe, share_in_place, wrist_positions
from signvip.models import ConditionEncoder
from signvip.models.usage import CodeUsage
from signvip.pipeline import SignVipPipeline
from signvip.run import Run
from signvip.stages.clips import Clips

PROBE_FRAMES = 1200


@dataclass(frozen=True)
class Row:
    """One number, how many clips or frames it was taken over, and what was hoped for."""

    name: str
    value: float
    count: int
    goal: str = ""


@dataclass
class Sample:
    """One test clip and what was made of it: frames (F, H, W, 3) uint8."""

    clip: int
    text: str
    signer: str
    reference: np.ndarray
    truth: np.ndarray
    conditions: np.ndarray  # (F, H, W*K, 3), side by side
    rebuilt: np.ndarray  # from the true conditions
    generated: np.ndarray  # from the text alone
    tokens: Tensor
    seconds: float


@dataclass
class Chain:
    """A finished run, and the clips it is tried on."""

    run: Run
    pipe: SignVipPipeline
    clips: Clips
    encoder: ConditionEncoder = field(init=False)

    def __post_init__(self) -> None:
        encoder = self.run.load("condition_encoder", ConditionEncoder)
        self.encoder = encoder.eval().to(self.pipe.device, self.pipe.dtype)

    def embed(self, drawn: Tensor) -> Tensor:
        """Drawings (F, K*3, H, W) uint8 to embeddings e (F, C, h, w)."""
        with torch.no_grad():
            return self.encoder(to_model(drawn).to(self.encoder.device, self.encoder.dtype))

    def generating(self) -> dict[str, nn.Module]:
        """What `generate` reads, by name."""
        pipe = self.pipe
        parts = ("vae", "reference_net", "guider", "denoiser", "translator")
        return {**{name: getattr(pipe, name) for name in parts}, "decoder": pipe.autoencoder.decoding}

    def generate(self, text: str, reference: np.ndarray, seed: int) -> tuple[np.ndarray, Tensor]:
        """Make a video as `signvip generate --seed` does: frames (F, H, W, 3) uint8, and the tokens (F, N)."""
        generator = torch.Generator().manual_seed(seed)
        made = self.pipe(text, reference, generator=generator, output_type="stream")
        return np.concatenate(list(made.frames)), made.tokens

    def video(self, e: Tensor, reference: np.ndarray, seed: int) -> np.ndarray:
        """Embeddings, of true conditions, and a picture to frames (F, H, W, 3) uint8."""
        return self.pixels(self.pipe.denoise(e, reference, generator=torch.Generator().manual_seed(seed)))

    def pixels(self, latents: Tensor) -> np.ndarray:
        """Latents (F, 4, h, w) to frames (F, H, W, 3) uint8."""
        return np.concatenate([to_pixels(part) for part in self.pipe.decode(latents)])


def as_array(e: Tensor) -> np.ndarray:
    """A tensor of any device and precision as float32."""
    return e.float().cpu().numpy()


Spoil = Callable[[Tensor], Tensor]


def without(condition: int) -> Spoil:
    """Black out one condition of (F, K*3, H, W)."""

    def spoil(drawn: Tensor) -> Tensor:
        drawn = drawn.clone()
        drawn[:, 3 * condition : 3 * condition + 3] = 0
        return drawn

    return spoil


def shuffled(drawn: Tensor) -> Tensor:
    """Frames in another order."""
    return drawn[torch.randperm(len(drawn), generator=torch.Generator().manual_seed(0))]


def reconstruction(
    chain: Chain, picks: Sequence[int], references: Sequence[np.ndarray], spoil: Spoil | None = None
) -> dict[str, float]:
    """Mean PSNR, SSIM and Hand SSIM of clips made from their (spoiled) true conditions."""
    scores = []
    for clip, reference in zip(picks, references, strict=True):
        frames = range(chain.clips.info(clip)["frames"])
        drawn = chain.clips.conditions(clip)
        truth = chain.clips.frames(clip, frames).permute(0, 2, 3, 1).numpy()
        made = chain.video(chain.embed(spoil(drawn) if spoil else drawn), reference, seed=clip)
        points = chain.clips.index.load(clip, "pose.npz")["keypoints"]
        scores.append((psnr(made, truth), ssim(made, truth), hand_ssim(made, truth, points)))
    values = np.mean(scores, axis=0)
    return {"psnr": float(values[0]), "ssim": float(values[1]), "hand_ssim": float(values[2])}


def token_rows(chain: Chain, picks: Sequence[int]) -> list[Row]:
    """Usage of the codebook and the share of e's variance that the tokens lose."""
    autoencoder = chain.pipe.autoencoder
    usage = CodeUsage(autoencoder.vocab_size)
    e = torch.cat([chain.embed(chain.clips.conditions(clip)) for clip in picks])
    with torch.no_grad():
        quantized = autoencoder.encode(e)
        rebuilt = autoencoder.decode(quantized.tokens)
    usage.add(quantized.tokens)
    lost = float((autoencoder.standardise(rebuilt) - autoencoder.standardise(e)).square().mean())
    lost /= float(autoencoder.standardise(e).var())
    return [
        Row("codes in use", usage.usage, len(e), ">= 0.90 over a whole split"),
        Row("perplexity of the codes", usage.perplexity, len(e)),
        Row("lost share of the variance of e", lost, len(e), "< 0.15"),
    ]


def translation_rows(chain: Chain, picks: Sequence[int], probe: WristProbe) -> list[Row]:
    """Lengths, and wrists after time alignment, of unseen sentences."""
    infos = [chain.clips.info(clip) for clip in picks]
    made = chain.pipe.translate([info["text"] for info in infos])
    truths = [wrist_positions(chain.clips.index.load(clip, "pose.npz")["keypoints"]) for clip in picks]
    ratios = [len(tokens) / info["frames"] for tokens, info in zip(made, infos, strict=True)]
    with torch.no_grad():
        read = [probe(as_array(chain.pipe.embed(tokens))) for tokens in made]
        oracle = [probe(as_array(chain.embed(chain.clips.conditions(clip)))) for clip in picks]
    shares = [share_in_place(a, b) for a, b in zip(read, truths, strict=True)]
    ceiling = [share_in_place(a, b) for a, b in zip(oracle, truths, strict=True)]
    other = [share_in_place(a, b) for a, b in zip(read, truths[1:] + truths[:1], strict=True)]
    return [
        Row("generated length over true length", float(np.mean(ratios)), len(picks), "0.85 to 1.15"),
        Row("frames with both wrists in place", float(np.mean(shares)), len(picks), ">= 0.80"),
        Row("the same, against another sentence", float(np.mean(other)), len(picks), "clearly lower"),
        Row("the same, read from the true conditions", float(np.mean(ceiling)), len(picks)),
    ]  # fmt: skip


def fit_probe(chain: Chain, shards: Path) -> WristProbe:
    """The wrist probe, fitted on frames of the train split and chosen on the dev split."""
    return fit_wrist_probe(
        *(_frames(chain, Clips(shards, split, chain.run.config)) for split in ("train", "dev"))
    )


def _frames(chain: Chain, clips: Clips) -> tuple[np.ndarray, np.ndarray]:
    embeddings, positions, count = [], [], 0
    for clip in range(len(clips)):
        embeddings.append(as_array(chain.embed(clips.conditions(clip))))
        positions.append(wrist_positions(clips.index.load(clip, "pose.npz")["keypoints"]))
        count += len(positions[-1])
        if count >= PROBE_FRAMES:
            break
    return np.concatenate(embeddings), np.concatenate(positions)
