"""The one model of a server, and what it makes of one request."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import signvip
from signvip.data.provenance import NOTICE
from signvip.data.reference_picture import load_reference
from signvip.errors import DataError
from signvip.generate import GenerateOptions, choose_run, embedded_run, load_pipeline
from signvip.generation.concerns import guessed_language
from signvip.models.seen_texts import Seen
from signvip.origin.record import Origin, OriginOptions
from signvip.origin.sidecar import write_sidecar
from signvip.origin.streaming import stream_generated
from signvip.origin.writing import GeneratedVideo, check_origin
from signvip.pipeline import SignVipPipeline
from signvip.plain import is_blank
from signvip.run import MAKERS, Run
from signvip.storage.fits import unchanged
from signvip_serve.forms import Ask
from signvip_serve.jobs import POSES, SIDECAR, VIDEO, Job
from signvip_serve.limits import Limits
from signvip_serve.orders import Order
from signvip_serve.pace import Pace
from signvip_serve.passages import Timed, passages, timing
from signvip_serve.pictures import open_picture, plain_picture
from signvip_serve.references import Shipped, shipped
from signvip_serve.uses import advice

EXAMPLES = ("Anna", "snow on monday")  # for runs that spell, and for those of drawn signers
NAME_ONE = "name one of /v1/languages as 'language'."
PAUSE = 0.5  # seconds that a signer rests between passages, as at a full stop


@dataclass(frozen=True)
class Studio:
    """A loaded run, by the name that videos are said to come from, with pictures of signers that ship with it."""

    pipe: SignVipPipeline
    run: str
    weights: str | None
    references: tuple[Shipped, ...]
    limits: Limits
    pace: Pace = field(default_factory=Pace)
    translating: threading.Lock = field(
        default_factory=threading.Lock
    )  # a check and a video may both want to

    @classmethod
    def open(cls, run: str | None, options: GenerateOptions, limits: Limits) -> Studio:
        """Load a run once for all requests, by the rules of `signvip generate`."""
        check_origin(OriginOptions())
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

    @property
    def seen(self) -> Seen | None:
        """Return what the run's translator was trained on, where it says."""
        return Seen.read(self.pipe.translator.config.get("seen"))

    @property
    def has_poses(self) -> bool:
        return self.pipe.pose_head is not None

    def order(self, ask: Ask) -> Order:
        """Look at a request before it takes a place; DataError for one that cannot be made."""
        self._check(ask)
        content, language = self._content(ask.picture), self._language(ask)
        picture = open_picture(content, self.limits)
        reference = hashlib.sha256(content).hexdigest()
        return Order(
            passages=self._passages(ask),
            language=language,
            steps=ask.steps,
            picture=load_reference(picture, (self.pipe.config.height, self.pipe.config.width)),
            origin=Origin(
                ask.text, ask.language or language, self.weights, ask.seed, reference, ask.consent, ask.where
            ),
            uploaded=isinstance(ask.picture, bytes),
            warnings=self._warnings(ask, picture),
        )

    def check(self, ask: Ask) -> tuple[tuple[str, ...], int, float | None]:
        """Tell what is known of a request before it is made: warnings, its frames, and an estimate of the seconds."""
        self._check(ask)
        shown = ask.picture is not None or self.references
        picture = open_picture(self._content(ask.picture), self.limits) if shown else None
        frames = self._length(self._translate(self._passages(ask), self._language(ask)))
        return self._warnings(ask, picture), frames, self.pace.estimate(frames)

    def make(self, order: Order, job: Job) -> Generator[bytes]:
        """Yield a video in pieces as its windows are made, and leave its files in the job's folder.

        What is known of it goes to the job before the first piece, and how many frames are made after each.
        """
        started, fps = time.monotonic(), self.pipe.config.fps
        tokens = self._translate(order.passages, order.language)
        self._write_poses(order, tokens, job)
        job.facts.update(self._facts(order, tokens), made=0)
        with GeneratedVideo(job.folder / VIDEO, fps, order.origin) as video:

            def written() -> Iterator[np.ndarray]:
                for part in self._frames(order, tokens, job.stopped):
                    video.write(part)
                    job.facts["made"] += len(part)
                    yield part

            yield from stream_generated(written(), fps, order.origin)
        job.facts["origin"] = video.told
        sidecar = {name: value for name, value in job.facts.items() if name != "made"}
        write_sidecar(job.folder / SIDECAR, sidecar)
        self.pace.add(job.facts["frames"], time.monotonic() - started)

    def example(self, job: Job) -> Generator[bytes]:
        """Make a short video that nobody asked for: the page shows it, and the next is as quick as any other."""
        seen, language = self.seen, next(iter(self.pipe.translator.languages), None)
        known = [text for text in EXAMPLES if seen is None or not seen.unseen(text, language)]
        text = known[0] if seen is None or known else seen.example(language or next(iter(seen.languages)))
        picture = None if self.references else plain_picture()
        yield from self.make(self.order(Ask(text, language, picture=picture)), job)

    def _check(self, ask: Ask) -> None:
        """DataError for a text or a number that nothing can be made of."""
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

    def _language(self, ask: Ask) -> str | None:
        """Return the language that the translator is given, by default its first; None where it tells none apart."""
        translator = self.pipe.translator
        return (ask.language or translator.default_language) if translator.languages else None

    def _passages(self, ask: Ask) -> tuple[str, ...]:
        return tuple(passages(ask.text, self.seen, self._language(ask)))

    def _warnings(self, ask: Ask, picture: Image.Image | None) -> tuple[str, ...]:
        """Return what the run never saw of the text, whether the picture shows nobody, and advice on its use."""
        seen, count = self.seen, len(self._passages(ask))
        told = [] if seen is None else seen.unseen(ask.text, self._language(ask))
        if not ask.language and (guess := guessed_language(self.pipe.translator, NAME_ONE)):
            told.append(guess)
        if count > 1:
            told.append(
                f"The text is far longer than any that this run saw in training: it is signed in {count} passages, "
                "one after the other, each as if it stood alone."
            )
        if picture is not None:
            told += self.pipe.concerns(None, [picture])[0]
        return *told, *advice(ask.where)

    def _translate(self, passages: Sequence[str], language: str | None) -> list[Tensor]:
        """Translate passages to tokens, one (F, N) each."""
        with self.translating:
            return self.pipe.translate(passages, language=language)

    def _align(self, passage: str, tokens: Tensor, language: str | None) -> list[int] | None:
        with self.translating:
            return self.pipe.translator.align(passage, tokens, language)

    @property
    def _pause(self) -> int:
        return round(PAUSE * self.pipe.config.fps)

    def _length(self, tokens: Sequence[Tensor]) -> int:
        return sum(map(len, tokens)) + self._pause * (len(tokens) - 1)

    def _frames(
        self, order: Order, tokens: Sequence[Tensor], interrupted: Callable[[], bool]
    ) -> Iterator[np.ndarray]:
        """Yield frames (f, H, W, 3) of each passage, as it would be alone, and between two the last one for a pause."""
        for place, passage in enumerate(tokens, start=1):
            part = None
            for part in self.pipe.stream(
                passage,
                order.picture,
                num_inference_steps=order.steps,
                generator=torch.Generator().manual_seed(order.origin.seed or 0),
                interrupted=interrupted,
            ):
                yield part
            if interrupted() or part is None:
                return
            if place < len(tokens) and self._pause:
                yield part[-1:].repeat(self._pause, axis=0)

    def _write_poses(self, order: Order, tokens: Sequence[Tensor], job: Job) -> None:
        """Read the keypoints (F, 128, 3) of all frames from the tokens, where the run has a head for them."""
        if self.pipe.pose_head is None:
            return
        parts = [self.pipe.poses(self.pipe.embed(passage), order.picture).numpy() for passage in tokens]
        held = [part[-1:].repeat(self._pause, axis=0) for part in parts]
        joined = [row for pair in zip(parts, held, strict=True) for row in pair][:-1]
        np.save(job.folder / POSES, np.concatenate(joined))

    def _facts(self, order: Order, tokens: Sequence[Tensor]) -> dict[str, Any]:
        """Return what is known of a video before it is made, as its sidecar says it."""
        config = self.pipe.config
        starts = accumulate((len(passage) + self._pause for passage in tokens), initial=0)
        timed = [
            Timed(text, start, start + len(passage), self._align(text, passage, order.language))
            for text, start, passage in zip(order.passages, starts, tokens, strict=False)
        ]
        return {
            "generated": True,
            "notice": NOTICE,
            **order.facts(),
            "run": self.run,
            "steps": order.steps or config.steps,
            "frames": self._length(tokens),
            "fps": config.fps,
            "height": config.height,
            "width": config.width,
            "passages": [
                {"text": one.text, "start": one.start, "frames": one.stop - one.start} for one in timed
            ],
            "timing": timing(timed, self.pipe.translator.unit, config.fps),
            "poses": self.pipe.pose_head is not None,
            "tokens": [frame for passage in tokens for frame in passage.tolist()],
            "signvip": signvip.__version__,
        }


def languages_of(pipe: SignVipPipeline) -> tuple[str, ...]:
    """The sign languages that a run tells apart, or else those of the clips it was trained on."""
    if pipe.translator.languages:
        return tuple(pipe.translator.languages)
    seen = Seen.read(pipe.translator.config.get("seen"))
    return () if seen is None else tuple(seen.languages)
