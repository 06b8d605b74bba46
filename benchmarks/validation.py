"""The share of training that validation takes, by phase: operations counted at full size, on the meta device.

    python benchmarks/validation.py --output validation.json

No number here is a time. Products of convolutions, matrices and attention are counted by torch's FlopCounterMode on
the very modules that the stages train: for a step (forward and backward), and for what a validation runs (forward).
Splits are those of the corpora: clips, and frames of a mean clip. Left out, on both sides: element-wise work, data
loading, and the frozen text encoder. Stage 3's texts are generated to the length of a mean clip. Their frames come one
by one, which takes longer than their operations tell: `--measure` times both on this CPU, at the preset's own width.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from signvip.config import RunConfig, Training, load_config
from signvip.models.networks import new_translator
from signvip.models.vae import decode_latents, encode_images
from signvip.stages.rehearsal import META, Rehearsal
from signvip.stages.text import PREVIEW_TEXTS
from signvip.stages.tokens import CHUNK
from signvip.stages.video import PREVIEW_CLIPS, PREVIEW_STEPS
from signvip.training.validation import Share

CORPORA = {
    "rwth": (519, 116),
    "how2sign": (1741, 170),
    "rwth-release": (519, 116),
    "how2sign-release": (1741, 170),
}
"""Dev clips of each dataset, and frames of a mean clip."""
STEPS = 1  # measured, of some seconds each


@dataclass(frozen=True)
class Row:
    """One phase: operations (1e12) of a step, of a validation of the sample and of the split; and their share."""

    preset: str
    phase: str
    steps: int
    step: float
    times: int  # the sample is looked at
    sample: float
    split: float

    @property
    def share(self) -> float:
        """The share of validation in the training."""
        return (self.times * self.sample + self.split) / (self.steps * self.step)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--presets", nargs="+", default=list(CORPORA), choices=list(CORPORA))
    parser.add_argument("--measure", action="store_true", help="time stage 3's texts on this CPU")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rows = [row for preset in options.presets for row in count(load_config(preset))]
    for row in rows:
        print(
            f"| {row.preset} | {row.phase} | {row.steps:,} x {row.step:.3g} | "
            f"{row.times} x {row.sample:.3g} + {row.split:.3g} | {row.share:.2%} |"
        )
    found: dict[str, object] = {"rows": [{**asdict(row), "share": row.share} for row in rows]}
    if options.measure:
        found["texts"] = {preset: measure(load_config(preset)) for preset in options.presets}
        print(json.dumps(found["texts"], indent=2))
    if options.output:
        options.output.write_text(json.dumps(found, indent=2) + "\n")


def count(config: RunConfig) -> list[Row]:
    """Count the operations of all phases that the preset trains."""
    rehearsal, (clips, frames) = Rehearsal(config), CORPORA[config.preset]
    sample, split = (Share.of(clips, seed=0, whole=whole) for whole in (False, True))
    stage1, preview = config.stage1, _preview(rehearsal)
    rows = []
    for phase, module, training in (
        ("image", rehearsal.image, stage1.image),
        ("motion", rehearsal.motion, stage1.motion),
    ):
        batch = rehearsal.video_batch(training.clips, training.frames, cached=True)
        seen = preview(phase)
        rows.append(_row(config, phase, training, _step(lambda m=module, b=batch: m(b)[0]), seen, seen))
    step = _step(lambda: rehearsal.tokens(_token_frames(rehearsal, config.stage2))[0])
    one = _forward(lambda: rehearsal.tokens(rehearsal.tokens_batch(CHUNK, stored=False))) / CHUNK
    seen_frames = [sum(len(share.picks(frames)) for _ in share.clips) for share in (sample, split)]
    rows.append(_row(config, "stage 2", config.stage2, step, *(one * n for n in seen_frames)))
    if config.stage2_poses is not None:
        poses = config.stage2_poses
        batch = rehearsal.poses_batch(poses.clips * poses.frames, stored=True)
        step = _step(lambda: rehearsal.poses(batch)[0])
        one = _forward(lambda: rehearsal.poses(rehearsal.poses_batch(CHUNK, stored=False))) / CHUNK
        rows.append(_row(config, "poses", poses, step, *(one * n for n in seen_frames)))
    return [*rows, _text_row(config, rehearsal, frames, len(sample.clips), len(split.clips))]


def _text_row(config: RunConfig, rehearsal: Rehearsal, frames: int, sample: int, split: int) -> Row:
    """Return a clip's share of its batch's loss; texts are read, their frames written by cached keys and values."""
    network, training = rehearsal.moving.translator.network, config.stage3
    step = _step(lambda: network.rehearse(training.clips, frames).float().sum())
    loss = _forward(lambda: network.rehearse(training.clips, frames)) / training.clips
    texts = _forward(lambda: network.rehearse(PREVIEW_TEXTS, frames))
    return _row(config, "stage 3", training, step, sample * loss + texts, split * loss + texts)


def _token_frames(rehearsal: Rehearsal, training: Training) -> dict[str, Tensor]:
    return rehearsal.tokens_batch(training.clips * training.frames, stored=True)


def _preview(rehearsal: Rehearsal) -> Callable[[str], float]:
    """Operations of stage 1's validation: a window of each clip, sampled, decoded; its reference is encoded."""
    config, window = rehearsal.config, rehearsal.config.sampler.window
    steps = min(PREVIEW_STEPS, config.sampler.steps)

    def one(phase: str) -> float:
        nets, vae = getattr(rehearsal, phase).nets, rehearsal.still.vae
        batch = rehearsal.video_batch(1, window, cached=True)
        picture = torch.zeros(1, 3, *config.size, device=META)
        e = _forward(lambda: nets.encoder(batch["conditions"][0].float()))
        guide, reference = (
            nets.whole.guide(rehearsal.embeddings(1, window)),
            nets.whole.reference(batch["reference"], 0),
        )
        features = _forward(lambda: nets.whole.guide(rehearsal.embeddings(1, window)))
        read = _forward(lambda: nets.whole.reference(batch["reference"], 0))
        denoise = _forward(lambda: nets.whole.predict(batch["latents"], 1, guide, reference))
        around = _forward(lambda: (encode_images(vae, picture), decode_latents(vae, batch["latents"][0])))
        return e + features + around + read * (steps if nets.whole.timed else 1) + denoise * steps

    return lambda phase: PREVIEW_CLIPS * one(phase)


def _row(config: RunConfig, phase: str, training: Training, step: float, sample: float, split: float) -> Row:
    times = (training.steps - 1) // training.validate_every
    return Row(config.preset, phase, training.steps, step * training.accumulation, times, sample, split)


def _step(loss: Callable[[], Tensor]) -> float:
    with FlopCounterMode(display=False) as counter:
        loss().backward()
    return counter.get_total_flops() / 1e12


@torch.no_grad()
def _forward(run: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops() / 1e12


def measure(config: RunConfig) -> dict[str, float]:
    """Seconds of a step of stage 3, and of the texts that a validation generates, on this CPU."""
    frames, tokenizer = CORPORA[config.preset][1], Rehearsal(config).moving.autoencoder
    translator = new_translator(_hashed(config), tokenizer)
    network, clips = translator.network, config.stage3.clips
    begin = time.perf_counter()
    for _ in range(STEPS):
        network.rehearse(clips, frames).float().sum().backward()
    step = (time.perf_counter() - begin) / STEPS
    begin = time.perf_counter()
    made = translator.generate(["rain in the north"] * PREVIEW_TEXTS, max_frames=frames)
    seconds = time.perf_counter() - begin
    return {"step": step, "texts": seconds, "ratio": seconds / step, "frames": max(map(len, made))}


def _hashed(config: RunConfig) -> RunConfig:
    """Return the same translator behind a text encoder that is at hand."""
    options = {**config.translator.model_dump(), "text_encoder": "hashed", "text_space": "own"}
    return config.model_copy(update={"translator": type(config.translator)(**options)})


if __name__ == "__main__":
    main()
