"""A finished run and the clips it is tried on: what the laboratory asks of a run, and gets through its pipeline."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from signvip.data.pixels import to_model, to_pixels
from signvip.generate import GenerateOptions, load_pipeline
from signvip.models import ConditionEncoder
from signvip.pipeline import SignVipPipeline
from signvip.run import MAKERS, Run
from signvip.stages.clips import Clips
from signvip.stages.parts import CHUNK, guiding_encoder
from signvip.storage.fits import unchanged


@dataclass
class Chain:
    """A finished run, and the clips it is tried on."""

    run: Run
    pipe: SignVipPipeline
    clips: Clips
    encoder: ConditionEncoder = field(init=False)  # of what tokens are made of
    pictures: ConditionEncoder = field(init=False)  # of what guides the pictures: often the same
    fingerprint: str = field(init=False)  # of all its weights, as they were loaded

    def __post_init__(self) -> None:
        where = self.pipe.device, self.pipe.dtype
        self.encoder = self.run.load("condition_encoder", ConditionEncoder).eval().to(*where)
        self.pictures = guiding_encoder(self.run).eval().to(*where)
        self.fingerprint = self.run.fingerprint(*MAKERS)

    @classmethod
    def open(cls, run: Path, shards: Path, split: str, sampling: GenerateOptions) -> Chain:
        """Load a run, and look into a split of shards."""
        with unchanged(run):
            opened = Run.open(run)
            clips = Clips(shards, split, opened.config)
            return cls(opened, load_pipeline(str(run), sampling), clips)

    def embed(self, drawn: Tensor) -> Tensor:
        """Embed drawings (F, K*3, H, W) uint8: e (F, C, h, w)."""
        return self._embedded(self.encoder, drawn)

    def guidance(self, drawn: Tensor) -> Tensor:
        """Embed drawings (F, K*3, H, W) uint8 as what guides the pictures: e (F, C, h, w)."""
        return self._embedded(self.pictures, drawn)

    def embeddings(self, clip: int) -> Tensor:
        """Embed a clip's true conditions: e (F, C, h, w)."""
        return self.embed(self.clips.conditions(clip))

    @torch.no_grad()
    def _embedded(self, encoder: ConditionEncoder, drawn: Tensor) -> Tensor:
        where = self.pipe.device, self.pipe.dtype
        return torch.cat([encoder(to_model(part).to(*where)) for part in drawn.split(CHUNK)])

    def truth(self, clip: int) -> np.ndarray:
        """Return the frames of a clip (F, H, W, 3) uint8."""
        return self.clips.frames(clip, range(self.clips.info(clip)["frames"])).permute(0, 2, 3, 1).numpy()

    def generating(self) -> dict[str, nn.Module]:
        """Return what `generate` reads, by name."""
        pipe = self.pipe
        parts = {"vae": pipe.vae, **pipe.denoiser.parts(), "translator": pipe.translator}
        return {**parts, "decoder": pipe.autoencoder.decoding}

    def language(self, clip: int) -> str | None:
        """Return the sign language of a clip (ISO 639-3), where the translator tells several apart."""
        return self.clips.info(clip)["language"] if self.pipe.translator.languages else None

    def translate(self, clip: int) -> Tensor:
        """Translate the text of a clip: tokens (F, N)."""
        return self.pipe.translate([self.clips.info(clip)["text"]], language=self.language(clip))[0]

    def generate(self, clip: int, reference: np.ndarray, seed: int) -> tuple[np.ndarray, Tensor]:
        """Make a video of a clip's text as `signvip generate --seed` does: frames (F, H, W, 3) uint8, tokens (F, N)."""
        generator, text = torch.Generator().manual_seed(seed), self.clips.info(clip)["text"]
        made = self.pipe(
            text, reference, generator=generator, output_type="stream", language=self.language(clip)
        )
        return np.concatenate(list(made.frames)), made.tokens

    def video(self, e: Tensor, reference: np.ndarray, seed: int) -> np.ndarray:
        """Make frames (F, H, W, 3) uint8 of embeddings, of true conditions, and a picture."""
        return self.pixels(self.pipe.denoise(e, reference, generator=torch.Generator().manual_seed(seed)))

    def pixels(self, latents: Tensor) -> np.ndarray:
        """Decode latents (F, 4, h, w) to frames (F, H, W, 3) uint8."""
        return np.concatenate([to_pixels(part) for part in self.pipe.decode(latents)])


def as_array(e: Tensor) -> np.ndarray:
    """Return a tensor of any device and precision as float32."""
    return e.float().cpu().numpy()
