"""`generate`: sentences and pictures to mp4 files, each with a JSON sidecar that says how it was made."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from signvip.data.outputs import check_outputs
from signvip.data.reference_picture import load_reference
from signvip.data.requests import Request
from signvip.errors import DataError, UnseenWarning
from signvip.estimation.pose_writing import check_writable
from signvip.generation.device import check_speed, choose_device, choose_dtype, place
from signvip.generation.making import VideoMaker
from signvip.origin.record import OriginOptions
from signvip.origin.writing import check_origin
from signvip.pipeline import SignVipPipeline
from signvip.plain import is_blank
from signvip.progress import Reporter, Silent
from signvip.run import EMBEDDED, MAKERS, Run, embedded_run, find_run
from signvip.sampling.arguments import languages_of, real, whole
from signvip.sampling.options import OF_THE_RUN, GenerateOptions, SchedulerName
from signvip.sampling.sampler import make_scheduler, unknown_scheduler
from signvip.storage.fits import unchanged

__all__ = ["GenerateOptions", "Request", "choose_run", "embedded_run", "generate", "load_pipeline"]

DEFAULT_RUN = Path("runs/default")
LONGEST_TEXT = 2000  # characters; a sentence of the datasets has under 400


def choose_run(run: str | None) -> str:
    """Return the run asked for, else a finished `runs/default`, else the embedded model, which also has a name."""
    if run is not None:
        return str(find_run(run)) if run == EMBEDDED else run
    own = DEFAULT_RUN / "model_index.json"
    return str(DEFAULT_RUN if own.is_file() else embedded_run())


def tell_embedded(run: str | None, source: str, reporter: Reporter) -> None:
    """Say that the embedded model is used where nobody chose it."""
    if run is None and source == str(embedded_run()):
        reporter.say("No run of your own yet: using the embedded model that travels with the package.")


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
    check_requests(requests, options, origin, overwrite)
    tell_embedded(run, source, reporter)
    maker = load_maker(source, options, origin)
    if any(request.pose is not None for request in requests):
        maker.pipe.require_pose_head()
    told = _doubts(maker, requests, strict)
    for request, doubts in zip(requests, told, strict=True):
        maker.make(request, doubts, reporter)
    return [request.output for request in requests]


def load_maker(source: str, options: GenerateOptions, origin: OriginOptions) -> VideoMaker:
    """Load the pipeline of a run to make videos by."""
    with unchanged(Path(source)):
        return VideoMaker(load_pipeline(source, options), options, origin, made_by(Path(source)))


def _doubts(maker: VideoMaker, requests: Sequence[Request], strict: bool) -> list[tuple[str, ...]]:
    """Tell before any work what of the requests the run never saw; DataError for the first where it is `strict`."""
    told = maker.doubts(requests)
    of: dict[str, list[str]] = {}  # the names of its videos, by each sentence, which is said once
    for request, sentences in zip(requests, told, strict=True):
        for sentence in sentences:
            of.setdefault(sentence, []).append(request.output.name)
    for sentence, names in of.items():
        first = sentence if len(names) == len(requests) else f"{names[0]}: {sentence}"
        if strict:
            raise refused(first)
        more = f" ({len(names) - 1} more like it)" if 1 < len(names) < len(requests) else ""
        warnings.warn(first + more, UnseenWarning, stacklevel=3)
    return told


def refused(doubt: str) -> DataError:
    """Return the error of a request that the run would answer with nonsense, where it is to be strict."""
    return DataError(f"{doubt.rstrip('.')}; leave out --strict to make it all the same.")


def load_pipeline(source: str, options: GenerateOptions) -> SignVipPipeline:
    """Load the pipeline of a run on the chosen device, with the chosen scheduler."""
    check_options(options)
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


def check_options(options: GenerateOptions) -> None:
    """ConfigError for numbers that no sampling can have; the pipeline checks the others."""
    for name in ("steps", "reuse_every", "window_batch", "max_frames", "top_k"):
        whole(name, getattr(options, name))
    for name in ("guidance", "guidance_start", "guidance_stop", "temperature"):
        real(name, getattr(options, name))
    whole("seed", options.seed, least=-(2**63), most=2**64 - 1)
    languages_of(options.language, 1)


def made_by(run: Path) -> dict[str, Any]:
    """Tell which run videos come from, and by which weights, for their sidecars."""
    weights = Run.open(run).fingerprint(*MAKERS) if (run / "config.json").is_file() else None
    return {"run": "embedded" if run == embedded_run() else str(run), "weights": weights}


def check_requests(
    requests: Sequence[Request], options: GenerateOptions, origin: OriginOptions, overwrite: bool
) -> None:
    """Raise DataError, before any work, for what cannot be made or whose files cannot be written."""
    for picture in dict.fromkeys(request.reference for request in requests):
        load_reference(picture, (8, 8))
    for request in requests:
        _check_text(request.text)
        _check_files(request, overwrite)
    given = [bool(request.language or options.language) for request in requests]
    if any(given) and not all(given):
        raise DataError(
            "Some texts have a language and some have none; fill in all, or give --language for the rest."
        )
    check_origin(origin)


def _check_text(text: str) -> None:
    if is_blank(text):
        raise DataError("The text is empty; give a sentence.")
    if len(text) > LONGEST_TEXT:
        raise DataError(f"The text has {len(text)} characters; give one sentence of at most {LONGEST_TEXT}.")


def _check_files(request: Request, overwrite: bool) -> None:
    if request.pose is not None:
        check_writable()
        if request.pose.suffix.lower() != ".pose":
            raise DataError(f"Poses are written as .pose; give --pose {request.pose.with_suffix('.pose')}.")
    check_outputs(request.output, request.pose, overwrite=overwrite)
