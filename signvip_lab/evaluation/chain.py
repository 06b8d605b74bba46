"""The numbers of the whole chain on clips that training never saw: `signvip demo` prints them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

from signvip.data.counting import counting, still
from signvip.data.picture_scores import face_ssim, hand_ssim, psnr, ssim
from signvip.data.pixels import to_model, to_pixels
from signvip.models import ConditionEncoder
from signvip.models.usage import CodeUsage
from signvip.pipeline import SignVipPipeline
from signvip.registry import build
from signvip.run import Run
from signvip.stages.clips import Clips
from signvip.stages.codecs import CHUNK
from signvip.stages.poses import stored_keypoints
from signvip.validation import add
from signvip_lab.evaluation.wrists import WristProbe, fit_wrist_probe, share_in_place, wrist_positions

PROBE_FRAMES = 1200
ERRORS = {"Wrist": "wrist_error", "Finger": "finger_error", "Face": "face_error"}
PICTURES = {"hand_ssim": "Hand SSIM", "face_ssim": "Face SSIM", "psnr": "PSNR in dB", "ssim": "SSIM"}


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
        where = self.encoder.device, self.encoder.dtype
        with torch.no_grad():
            return torch.cat([self.encoder(to_model(part).to(*where)) for part in drawn.split(CHUNK)])

    def embeddings(self, clip: int) -> Tensor:
        """Embeddings e (F, C, h, w) of a clip's true conditions."""
        return self.embed(self.clips.conditions(clip))

    def truth(self, clip: int) -> np.ndarray:
        """The frames of a clip (F, H, W, 3) uint8."""
        return self.clips.frames(clip, range(self.clips.info(clip)["frames"])).permute(0, 2, 3, 1).numpy()

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


def picture_scores(chain: Chain, clip: int, made: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Score frames (F, H, W, 3) uint8 against a clip's own, where those differ from its reference picture.

    Not a number where no hand or face is seen, or where the clip stands still.
    """
    truth = chain.truth(clip)
    counts = counting(truth, reference)
    if not counts.any():
        return dict.fromkeys(PICTURES, math.nan)
    made, truth = made[counts], truth[counts]
    points = chain.clips.index.load(clip, "pose.npz")["keypoints"][counts]
    found = (
        hand_ssim(made, truth, points),
        face_ssim(made, truth, points),
        psnr(made, truth),
        ssim(made, truth),
    )
    return dict(zip(PICTURES, found, strict=True))


def mean_scores(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each score over the clips that have it; a score that none has is left out."""
    scores = {name: [clip[name] for clip in found if math.isfinite(clip[name])] for name in PICTURES}
    return {name: fmean(values) for name, values in scores.items() if values}


def picture_rows(
    cases: Mapping[str, Sequence[Mapping[str, float]]], goals: Mapping[tuple[str, str], str]
) -> list[Row]:
    """A row for each score of each case, score by score; goals by score and case."""
    means = {case: mean_scores(found) for case, found in cases.items()}
    return [
        Row(f"{PICTURES[name]}, {case}", values[name], len(cases[case]), goals.get((name, case), ""))
        for name in PICTURES
        for case, values in means.items()
        if name in values
    ]


def reconstruction(
    chain: Chain,
    references: Sequence[np.ndarray],
    shown: Sequence[np.ndarray] | None = None,
    spoil: Spoil | None = None,
) -> list[dict[str, float]]:
    """Scores of every clip made from its (spoiled) true conditions, and from its reference or what is shown for it."""
    scores = []
    for clip, (reference, picture) in enumerate(zip(references, shown or references, strict=True)):
        drawn = chain.clips.conditions(clip)
        made = chain.video(chain.embed(spoil(drawn) if spoil else drawn), picture, seed=clip)
        scores.append(picture_scores(chain, clip, made, reference))
    return scores


def stills(chain: Chain, clips: Sequence[int], references: Sequence[np.ndarray]) -> list[dict[str, float]]:
    """The same scores for the reference picture of each clip, repeated for its length."""
    return [
        picture_scores(chain, clip, still(reference, len(chain.truth(clip))), reference)
        for clip, reference in zip(clips, references, strict=True)
    ]


def token_rows(chain: Chain, picks: Sequence[int]) -> list[Row]:
    """Usage of the codebook and the share of e's variance that the tokens lose."""
    autoencoder = chain.pipe.autoencoder
    usage, parts = CodeUsage(autoencoder.vocab_size), []
    for clip in picks:  # one at a time: all embeddings of a split would fill a card
        for e in chain.embeddings(clip).split(CHUNK):
            with torch.no_grad():
                tokens = autoencoder.encode(e).tokens
                rebuilt = autoencoder.standardise(autoencoder.decode(tokens)).double()
                e = autoencoder.standardise(e).double()
            usage.add(tokens)
            moments = {"lost": (rebuilt - e).square().sum(), "total": e.sum(), "squares": e.square().sum()}
            parts.append({"frames": len(e), "count": e.numel(), **{k: float(v) for k, v in moments.items()}})
    sums = add(parts)
    variance = sums["squares"] / sums["count"] - (sums["total"] / sums["count"]) ** 2
    return [
        Row("codes in use", usage.usage, sums["frames"], ">= 0.90 over a whole split"),
        Row("perplexity of the codes", usage.perplexity, sums["frames"]),
        Row(
            "lost share of the variance of e",
            sums["lost"] / sums["count"] / variance,
            sums["frames"],
            "< 0.15",
        ),
    ]


Wrists = Callable[[Tensor], np.ndarray]
"""Embeddings e (F, C, h, w) to the places (F, 2, 2) of right and left wrist, as fractions of the frame."""


def wrist_reader(chain: Chain, shards: Path) -> Wrists:
    """The run's pose head; where it has none, a linear probe that is fitted on the shards."""
    head, (height, width) = chain.pipe.pose_head, chain.run.config.size
    if head is None:
        probe = fit_probe(chain, shards)
        return lambda e: probe(as_array(e))
    return lambda e: wrist_positions(as_array(head.locate(e)) / (width, height, 1))


@torch.no_grad()
def pose_rows(chain: Chain, picks: Sequence[int], made: Sequence[Tensor]) -> list[Row]:
    """Errors of what the run's pose head reads, in pixels, of true conditions and of `made` tokens; none without it."""
    head, (height, width) = chain.pipe.pose_head, chain.run.config.size
    known = [stored_keypoints(chain.clips.coordinates(pick)) for pick in picks]
    truth = [points * np.array([width, height, 1]) for points in known if points is not None]
    if head is None or len(truth) < len(picks):
        return []
    read = {
        "from true conditions": [as_array(head.locate(chain.embeddings(pick))) for pick in picks],
        "from the text": [as_array(head.locate(chain.pipe.embed(tokens))) for tokens in made],
    }
    return [
        Row(f"{part} error in pixels, {case}", build("metric", name)(found, truth)[name], len(picks))
        for part, name in ERRORS.items()
        for case, found in read.items()
    ]


def translation_rows(chain: Chain, picks: Sequence[int], made: Sequence[Tensor], wrists: Wrists) -> list[Row]:
    """Lengths, and wrists after time alignment, of the tokens that were `made` of unseen sentences."""
    infos = [chain.clips.info(clip) for clip in picks]
    truths = [wrist_positions(chain.clips.index.load(clip, "pose.npz")["keypoints"]) for clip in picks]
    ratios = [len(tokens) / info["frames"] for tokens, info in zip(made, infos, strict=True)]
    with torch.no_grad():
        read = [wrists(chain.pipe.embed(tokens)) for tokens in made]
        oracle = [wrists(chain.embeddings(clip)) for clip in picks]
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
