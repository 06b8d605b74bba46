"""`generate`: sentences and pictures to mp4 files, each with a JSON sidecar that says how it was made."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import torch

import signvip
from signvip.data.images import load_reference
from signvip.data.outputs import check_outputs
from signvip.data.provenance import NOTICE
from signvip.data.requests import Request
from signvip.errors import DataError, SignVipWarning, UnseenWarning
from signvip.estimation.pose_writing import check_writable, write_pose
from signvip.generation.device import check_speed, choose_device, choose_dtype, fitting, place
from signvip.origin.record import Origin, OriginOptions
from signvip.origin.writing import GeneratedVideo, check_origin
from signvip.pipeline import SignVipPipeline
from signvip.plain import is_blank
from signvip.progress import Reporter, Silent
from signvip.run import MAKERS, Run
from signvip.sampling.arguments import languages_of, real, whole
from signvip.sampling.options import OF_THE_RUN, GenerateOptions, SchedulerName
from signvip.sampling.sampler import make_scheduler, unknown_scheduler
from signvip.storage.files import write_text
from signvip.storage.fits import unchanged

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GenerateOptions", "Request", "choose_run", "embedded_run", "generate", "load_pipeline"]

DEFAULT_RUN = Path("runs/default")
EMBEDDED = "embedded"  # instead of a folder: the model that travels with the package
TEXTS_AT_ONCE = 32
LONGEST_TEXT = 2000  # characters; a sentence of the datasets has under 400


def embedded_run() -> Path:
    """Return the folder of the model that travels with the package."""
    return Path(str(files("signvip") / "embedded"))


def choose_run(run: str | None) -> str:
    """Return the run asked for, else a finished `runs/default`, else the embedded model, which also has a name."""
    if run == EMBEDDED and not Path(run).exists():
        return str(embedded_run())
    if run is not None:
        return run
    own = DEFAULT_RUN / "model_index.json"
    return str(DEFAULT_RUN if own.is_file() else embedded_run())


def generate(
    requests: Sequence[Request],
    *,
    run: str | None = None,
    options: GenerateOptions | None = None,
    origin: OriginOptions | None = None,
    strict: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> list[Path]:
    """Write one mp4 and one sidecar per request: what the pipeline gives for its text and `manual_seed(seed)`.

    `origin` says how the videos say that they were generated: by a mark, a signed manifest and a label.
    What the run would answer with nonsense is told by a SignVipWarning and in the sidecar; `strict` makes it an error.
    Files that this did not write are replaced only to `overwrite`.
    """
    options, origin, reporter = options or GenerateOptions(), origin or OriginOptions(), reporter or Silent()
    source = choose_run(run)
    for request in requests:
        _check(request, overwrite)
    check_origin(origin)
    if run is None and source == str(embedded_run()):
        reporter.say("No run of your own yet: using the embedded model that travels with the package.")
    with unchanged(Path(source)):
        pipe, made_by = load_pipeline(source, options), _made_by(Path(source))
    if any(request.pose is not None for request in requests):
        pipe.require_pose_head()
    told = _concerns(pipe, requests, options, strict)
    outputs = []
    for start in range(0, len(requests), TEXTS_AT_ONCE):
        part, doubts = requests[start : start + TEXTS_AT_ONCE], told[start : start + TEXTS_AT_ONCE]
        generators = [torch.Generator().manual_seed(options.seed) for _ in part]
        with fitting(pipe, options):
            translated = _translate(pipe, part, generators, options)
            for request, tokens, generator, doubt in zip(part, translated, generators, doubts, strict=True):
                outputs.append(
                    _make(pipe, made_by, request, tokens, generator, options, reporter, doubt, origin)
                )
    return outputs


def _concerns(
    pipe: SignVipPipeline, requests: Sequence[Request], options: GenerateOptions, strict: bool
) -> list[tuple[str, ...]]:
    """Tell before any work what of the requests the run never saw; DataError for the first where it is `strict`."""
    texts, references = [request.text for request in requests], [request.reference for request in requests]
    told = pipe.concerns(texts, references, _languages(requests, options))
    for request, sentences in zip(requests, told, strict=True):
        for sentence in sentences:
            named = sentence if len(requests) == 1 else f"{request.output.name}: {sentence}"
            if strict:
                raise DataError(f"{named.rstrip('.')}; leave out --strict to make it all the same.")
            warnings.warn(named, UnseenWarning, stacklevel=3)
    return told


def _languages(requests: Sequence[Request], options: GenerateOptions) -> list[str] | None:
    """Return the sign language of each request, or None for none; DataError where some have one and some have not."""
    languages = [request.language or options.language for request in requests]
    given = [language for language in languages if language]
    if given and len(given) < len(languages):
        raise DataError(
            "Some texts have a language and some have none; fill in all, or give --language for the rest."
        )
    return given or None


@contextmanager
def _already_told() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SignVipWarning)
        yield


def load_pipeline(source: str, options: GenerateOptions) -> SignVipPipeline:
    """Load the pipeline of a run on the chosen device, with the chosen scheduler."""
    _check_options(options)
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, device)
    check_speed(options, device)
    if options.scheduler is not None and options.scheduler not in get_args(SchedulerName):
        raise unknown_scheduler(options.scheduler)
    chosen = {name: value for name in OF_THE_RUN if (value := getattr(options, name)) is not None}
    pipe: SignVipPipeline = SignVipPipeline.from_pretrained(source, **chosen).to(dtype=dtype)
    pipe.set_progress_bar_config(disable=True)
    if options.scheduler is not None:
        pipe.scheduler = make_scheduler(options.scheduler, pipe.scheduler.config)
    place(pipe, device, options)
    return pipe


def _check_options(options: GenerateOptions) -> None:
    """ConfigError for numbers that no sampling can have; the pipeline checks the others."""
    for name in ("steps", "reuse_every", "window_batch", "max_frames", "top_k"):
        whole(name, getattr(options, name))
    for name in ("guidance", "guidance_start", "guidance_stop", "temperature"):
        real(name, getattr(options, name))
    whole("seed", options.seed, least=-(2**63), most=2**64 - 1)
    languages_of(options.language, 1)


def _translate(
    pipe: SignVipPipeline,
    requests: Sequence[Request],
    generators: Sequence[torch.Generator],
    options: GenerateOptions,
) -> list[Tensor]:
    """Translate many texts at once, which is several times faster: the tokens that the pipeline would give for each."""
    with _already_told():
        return pipe.translate(
            [request.text for request in requests],
            max_frames=options.max_frames,
            temperature=options.temperature,
            top_k=options.top_k,
            language=_languages(requests, options),
            generator=generators,
        )


def _make(
    pipe: SignVipPipeline,
    made_by: Mapping[str, Any],
    request: Request,
    tokens: Tensor,
    generator: torch.Generator,
    options: GenerateOptions,
    reporter: Reporter,
    doubts: Sequence[str] = (),
    origin: OriginOptions | None = None,
) -> Path:
    name, origin = request.output.name, origin or OriginOptions()
    with _already_told(), reporter.task(f"{name}: {len(tokens)} frames", pipe.config.steps) as task:
        made = pipe(
            request.text,
            request.reference,
            tokens=tokens,
            generator=generator,
            output_type="stream",
            callback_on_step_end=lambda *_: task.advance(),
        )
    request.output.parent.mkdir(parents=True, exist_ok=True)
    beside = request.output.with_suffix(".json")
    made_from = Origin.of(
        request.text,
        options.language,
        made_by.get("weights"),
        options.seed,
        request.reference,
        origin.consent,
    )
    with GeneratedVideo(request.output, pipe.config.fps, made_from, origin) as video:
        for frames in made.frames:
            video.write(frames)
        beside.unlink(missing_ok=True)  # killed from here on, no sidecar tells of another video
    if request.pose is not None:
        size = pipe.config.height, pipe.config.width
        request.pose.parent.mkdir(parents=True, exist_ok=True)
        write_pose(request.pose, made.poses.numpy(), size=size, fps=pipe.config.fps)
    sidecar = _sidecar(pipe, made_by, request, tokens, options)
    sidecar |= {"origin": video.told, "warnings": list(doubts)}
    write_text(beside, json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n")
    return request.output


def _made_by(run: Path) -> dict[str, Any]:
    """Tell which run videos come from, and by which weights, for their sidecars."""
    weights = Run.open(run).fingerprint(*MAKERS) if (run / "config.json").is_file() else None
    return {"run": "embedded" if run == embedded_run() else str(run), "weights": weights}


def _sidecar(
    pipe: SignVipPipeline,
    made_by: Mapping[str, Any],
    request: Request,
    tokens: Tensor,
    options: GenerateOptions,
) -> dict[str, Any]:
    return {
        "generated": True,
        "notice": NOTICE,
        "text": request.text,
        "reference": str(request.reference),
        **made_by,
        "pose": None if request.pose is None else str(request.pose),
        "sampling": {
            **asdict(options) | {"language": request.language or options.language},
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


def _check(request: Request, overwrite: bool) -> None:
    if is_blank(request.text):
        raise DataError("The text is empty; give a sentence.")
    if len(request.text) > LONGEST_TEXT:
        raise DataError(
            f"The text has {len(request.text)} characters; give one sentence of at most {LONGEST_TEXT}."
        )
    # before any work: a picture that cannot be read is an error, and so is a place that cannot be written to
    load_reference(request.reference, (8, 8))
    if request.pose is not None:
        check_writable()
        if request.pose.suffix.lower() != ".pose":
            raise DataError(f"Poses are written as .pose; give --pose {request.pose.with_suffix('.pose')}.")
    check_outputs(request.output, request.pose, overwrite=overwrite)
