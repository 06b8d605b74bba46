"""Make the videos of a run: each an mp4 and a JSON sidecar that says how it was made, and poses where asked for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch

import signvip
from signvip.data.provenance import NOTICE
from signvip.errors import SignVipWarning
from signvip.estimation.pose_writing import write_pose
from signvip.generation.device import fitting
from signvip.origin.record import Origin, OriginOptions
from signvip.origin.sidecar import write_sidecar
from signvip.origin.writing import GeneratedVideo
from signvip.progress import Reporter, Silent
from signvip.sampling.options import OF_THE_RUN, GenerateOptions

if TYPE_CHECKING:
    from torch import Tensor

    from signvip.data.requests import Request
    from signvip.pipeline import SignVipPipeline


@dataclass(frozen=True)
class VideoMaker:
    """Makes videos by one pipeline with the same options; `made_by` is the run and its weights, as sidecars say it."""

    pipe: SignVipPipeline
    options: GenerateOptions
    origin: OriginOptions = field(default_factory=OriginOptions)
    made_by: Mapping[str, Any] = field(default_factory=dict)

    def doubts(self, requests: Sequence[Request]) -> list[tuple[str, ...]]:
        """Tell in sentences what of each request the run never saw."""
        languages = [language for request in requests if (language := self._language(request))]
        texts, references = [one.text for one in requests], [one.reference for one in requests]
        return self.pipe.concerns(texts, references, languages or None)

    def make(
        self, request: Request, doubts: Sequence[str] = (), reporter: Reporter | None = None, **told: Any
    ) -> None:
        """Write a video as the pipeline gives it for the text and `manual_seed(seed)`; `told` goes into its sidecar."""
        generator = torch.Generator().manual_seed(self.options.seed)
        with fitting(self.pipe, self.options), _already_told():
            tokens = self._translate(request, generator)
            self._write(request, tokens, generator, doubts, reporter or Silent(), told)

    def _language(self, request: Request) -> str | None:
        return request.language or self.options.language

    def _signed(self, request: Request) -> str | None:
        """Return the sign language that comes out, also where none is asked for."""
        return self._language(request) or self.pipe.translator.default_language

    def _translate(self, request: Request, generator: torch.Generator) -> Tensor:
        return self.pipe.translate(
            [request.text],
            max_frames=self.options.max_frames,
            temperature=self.options.temperature,
            top_k=self.options.top_k,
            language=self._language(request),
            generator=[generator],
        )[0]

    def _write(
        self,
        request: Request,
        tokens: Tensor,
        generator: torch.Generator,
        doubts: Sequence[str],
        reporter: Reporter,
        told: Mapping[str, Any],
    ) -> None:
        """Write the video of tokens (F, N), then its sidecar."""
        pipe, beside = self.pipe, request.output.with_suffix(".json")
        with reporter.task(f"{request.output.name}: {len(tokens)} frames", pipe.config.steps) as task:
            made = pipe(
                request.text,
                request.reference,
                tokens=tokens,
                generator=generator,
                output_type="stream",
                callback_on_step_end=lambda *_: task.advance(),
            )
        request.output.parent.mkdir(parents=True, exist_ok=True)
        with GeneratedVideo(request.output, pipe.config.fps, self._origin(request), self.origin) as video:
            for frames in made.frames:
                video.write(frames)
            beside.unlink(missing_ok=True)  # killed from here on, no sidecar tells of another video
        if request.pose is not None:
            size = pipe.config.height, pipe.config.width
            request.pose.parent.mkdir(parents=True, exist_ok=True)
            write_pose(request.pose, made.poses.numpy(), size=size, fps=pipe.config.fps)
        sidecar = {**self._sidecar(request, tokens), "origin": video.told, "warnings": list(doubts), **told}
        write_sidecar(beside, sidecar)

    def _origin(self, request: Request) -> Origin:
        return Origin.of(
            request.text,
            self._signed(request),
            self.made_by.get("weights"),
            self.options.seed,
            request.reference,
            self.origin.consent,
        )

    def _sidecar(self, request: Request, tokens: Tensor) -> dict[str, Any]:
        pipe = self.pipe
        return {
            "generated": True,
            "notice": NOTICE,
            "text": request.text,
            "reference": str(request.reference),
            **self.made_by,
            "pose": None if request.pose is None else str(request.pose),
            "sampling": {
                **asdict(self.options) | {"language": self._signed(request)},
                **{name: pipe.config[name] for name in OF_THE_RUN},
                "scheduler": type(pipe.scheduler).__name__,
                "device": str(pipe._execution_device),
                "dtype": str(pipe.dtype).removeprefix("torch."),
            },
            "frames": len(tokens),
            "fps": pipe.config.fps,
            "tokens": tokens.tolist(),
            "signvip": signvip.__version__,
            "torch": torch.__version__,
        }


@contextmanager
def _already_told() -> Iterator[None]:
    """Keep the pipeline from telling the doubts that its caller told."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignVipWarning)
        yield
