"""Clips whose every frame, condition and latent says which clip and frame it is: what a batch holds can be read off."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from small import small_config
from torch import nn

from signvip.stages import video
from signvip.stages.video import VideoPhase

LENGTHS = {"train": [40, 31, 50, 23], "dev": [9, 9]}
KINDS = ("pose", "hand3d")


class NumberedClips:
    """In the place of `Clips`: pixels are (clip + 1, frame + 1, kind + 1), so that zero is nobody's."""

    def __init__(self, _shards, split, _config):
        self.lengths, self.painters = LENGTHS[split], dict.fromkeys(KINDS)
        self.index = SimpleNamespace(keys=[f"{split}-{clip}" for clip in range(len(self.lengths))])

    def __len__(self):
        return len(self.lengths)

    def info(self, clip):
        return {"frames": self.lengths[clip], "text": f"text {clip}", "language": "qaa"}

    def frames(self, clip, picks):
        return self._pictures(clip, picks, [0])

    def conditions(self, clip, picks=None):
        return self._pictures(clip, range(self.lengths[clip]) if picks is None else picks, [1, 2])

    def array(self, clip, field, picks=None):
        assert field == "latents.npy"
        numbers = [[clip + 1, frame + 1, 0, 0] for frame in picks]
        return torch.tensor(numbers, dtype=torch.float32)[..., None, None].repeat(1, 1, 2, 2)

    def _pictures(self, clip, picks, kinds):
        assert all(0 <= frame < self.lengths[clip] for frame in picks)
        numbers = [[n for kind in kinds for n in (clip + 1, frame + 1, kind)] for frame in picks]
        return torch.tensor(numbers, dtype=torch.uint8)[..., None, None].repeat(1, 1, 2, 2)


def numbered_phase(monkeypatch, *, cached=False, blackout=0.0, training=None, **stage1) -> VideoPhase:
    """A phase of stage 1 over numbered clips; its networks are never run."""
    monkeypatch.setattr(video, "Clips", NumberedClips)
    config = small_config(stage1={"image": {"clips": 4, **(training or {})}, **stage1})
    image, shards = config.stage1.image, "nowhere"
    return VideoPhase("stage1-image", config, image, shards, nn.Identity(), nn.Identity(), cached, blackout)


def read_off(batch):
    """Of each clip in a batch: its number, its frames, its reference, and (clip, frame) of each condition frame."""
    latents = "latents" in batch
    clips, references = (
        batch["latents" if latents else "frames"],
        batch["reference" if latents else "reference_frame"],
    )
    return [
        SimpleNamespace(
            clip=int(own[0, 0, 0, 0]) - 1,
            clips=set((own[:, 0, 0, 0].int() - 1).tolist()),
            frames=(own[:, 1, 0, 0].int() - 1).tolist(),
            reference=tuple(int(number) - 1 for number in reference[:2, 0, 0]),
            conditions=[
                [tuple(int(n) for n in kind[:, 0, 0]) for kind in frame.split(3)] for frame in conditions
            ],
        )
        for own, reference, conditions in zip(clips, references, batch["conditions"], strict=True)
    ]


def samples(phase, batches):
    """What `batches` batches of a phase hold, sample by sample."""
    return [sample for index in range(batches) for sample in read_off(phase.batch(index))]
