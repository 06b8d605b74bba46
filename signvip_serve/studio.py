"""The one model of a server, and what it makes of one request."""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image

import signvip
from signvip.data.images import SMALLEST
from signvip.data.provenance import NOTICE
from signvip.errors import DataError
from signvip.generate import GenerateOptions, choose_run, embedded_run, load_pipeline
from signvip.models.knowledge import Seen
from signvip.origin.pattern import KEY
from signvip.origin.record import Origin, payload_word
from signvip.origin.streaming import stream_generated
from signvip.pipeline import SignVipPipeline
from signvip.plain import is_blank
from signvip.run import MAKERS, Run
from signvip.storage.fits import unchanged
from signvip_serve.jobs import Job
from signvip_serve.limits import Limits
from signvip_serve.references import Shipped, shipped

FORMATS = ("PNG", "JPEG", "WEBP")
UNSIGNED = "none: a stream is sent before a signature of the whole could be made; generate a file to have one"


@dataclass(frozen=True)
class Ask:
    """One request, as its form has it; `picture` is a file's bytes, or the name of one that ships."""

    text: str
    language: str | None = None
    seed: int = 0
    steps: int | None = None
    picture: bytes | str | None = None


@dataclass(frozen=True)
class Studio:
    """A loaded run, by the name that videos are said to come from, with pictures of signers that ship with it."""

    pipe: SignVipPipeline
    run: str
    weights: str | None
    references: tuple[Shipped, ...]
    limits: Limits

    @classmethod
    def open(cls, run: str | None, options: GenerateOptions, limits: Limits) -> Studio:
        """Load a run once for all requests, by the rules of `signvip generate`."""
        source = choose_run(run)
        folder = Path(source)
        with unchanged(folder):
            pipe = load_pipeline(source, options)
            weights = Run.open(folder).fingerprint(*MAKERS) if (folder / "config.json").is_file() else None
        name = "embedded" if folder == embedded_run() else folder.name
        size = pipe.config.height, pipe.config.width
        return cls(pipe, name, weights, shipped(folder, languages_of(pipe), size), limits)

    @property
    def languages(self) -> tuple[str, ...]:
        """Sign languages (ISO 639-3) that the run knows; none where it does not say."""
        return languages_of(self.pipe)

    def check(self, ask: Ask) -> Image.Image:
        """Return the picture of a request; DataError for one that cannot be made, before it takes a place."""
        if is_blank(ask.text):
            raise DataError("The text is empty; give a sentence.")
        if len(ask.text) > self.limits.text:
            raise DataError(
                f"The text has {len(ask.text)} characters; give one of at most {self.limits.text}."
            )
        if ask.language is not None and self.languages and ask.language not in self.languages:
            known = ", ".join(self.languages)
            raise DataError(f"The sign language '{ask.language[:20]}' is not known here; choose {known}.")
        if ask.steps is not None and not 1 <= ask.steps <= self.limits.steps:
            raise DataError(f"The steps are {ask.steps}; give a whole number from 1 to {self.limits.steps}.")
        if not 0 <= ask.seed < 2**63:
            raise DataError(f"The seed is {ask.seed}; give a whole number from 0 to 2^63 - 1.")
        return self._picture(self._content(ask.picture))

    def make(self, ask: Ask, job: Job) -> Iterator[bytes]:
        """Yield a video in pieces as its windows are made; what is known of it goes to the job before the first."""
        picture, content = self.check(ask), self._content(ask.picture)
        language = ask.language if self.pipe.translator.languages else None  # it tells none apart
        told = self.pipe.concerns([ask.text], [picture], language)[0]
        generator = torch.Generator().manual_seed(ask.seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # told to whoever asked, by `concerns`
            tokens = self.pipe.translate([ask.text], language=language, generator=[generator])[0]
        reference = hashlib.sha256(content).hexdigest()
        origin = Origin(ask.text, ask.language, self.weights, ask.seed, reference)
        job.facts.update(self._facts(ask, tokens, told, origin))
        parts = self.pipe.stream(
            tokens, picture, num_inference_steps=ask.steps, generator=generator, interrupted=job.stopped
        )
        yield from stream_generated(parts, self.pipe.config.fps, origin)

    def _facts(self, ask: Ask, tokens: torch.Tensor, told: tuple[str, ...], origin: Origin) -> dict[str, Any]:
        """Return what a sidecar says of a video."""
        mark = {"version": KEY.decode(), "payload": payload_word(origin.payload)}
        return {
            "generated": True,
            "notice": NOTICE,
            **origin.facts(),
            "run": self.run,
            "steps": ask.steps or self.pipe.config.steps,
            "frames": len(tokens),
            "fps": self.pipe.config.fps,
            "height": self.pipe.config.height,
            "width": self.pipe.config.width,
            "tokens": tokens.tolist(),
            "warnings": list(told),
            "origin": {"mark": mark, "manifest": UNSIGNED},
            "signvip": signvip.__version__,
        }

    def _content(self, picture: bytes | str | None) -> bytes:
        if isinstance(picture, bytes):
            return picture
        for one in self.references:
            if picture is None or one.name == picture:
                return one.content
        if picture is None:
            raise DataError("This run ships no picture of a signer; give one as the file 'reference'.")
        raise DataError(
            f"There is no picture '{picture[:40]}' here; choose one of /v1/references, or send a file."
        )

    def _picture(self, content: bytes) -> Image.Image:
        """Read a stranger's picture; DataError for one that is too large or none of the formats."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                picture = Image.open(io.BytesIO(content), formats=FORMATS)
            if picture.width * picture.height > self.limits.picture_pixels:
                raise DataError(
                    f"The picture has {picture.width}x{picture.height} pixels; give one of at most "
                    f"{self.limits.picture_pixels // 10**6} million."
                )
            picture.load()
        except DataError:
            raise
        except Exception as error:  # Pillow's plugins raise a dozen kinds for bytes that make no sense
            raise DataError(
                "The reference is damaged or no picture; give a PNG, JPEG or WebP of the signer."
            ) from error
        if min(picture.size) < SMALLEST:
            raise DataError(
                f"The picture has {picture.width}x{picture.height} pixels; give one of at least {SMALLEST}x{SMALLEST}."
            )
        return cast(Image.Image, picture)


def languages_of(pipe: SignVipPipeline) -> tuple[str, ...]:
    """The sign languages that a run tells apart, or else those of the clips it was trained on."""
    if pipe.translator.languages:
        return tuple(pipe.translator.languages)
    seen = Seen.read(pipe.translator.config.get("seen"))
    return () if seen is None else tuple(seen.languages)
