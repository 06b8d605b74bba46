"""`signvip generate`: a sentence and a picture to a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signvip_cli.console import print_json, print_remark, print_result
from signvip_cli.imports import heavy_imports, let_threads_sleep
from signvip_cli.options import (
    Certificate,
    ConsentFile,
    Device,
    Executor,
    Executors,
    Json,
    Key,
    Manifest,
    Overwrite,
    Plugins,
    Precision,
    RetryFailed,
    Seed,
    Steps,
    Strict,
    Verbose,
)

if TYPE_CHECKING:
    from signvip.generate import Request

MANY = Path("outputs")
LISTED = 20  # failures on stderr; the list has all
SCHEDULERS = "ddim, ddpm, dpm++, unipc, euler or lcm (for distilled weights)."


class Guide(StrEnum):
    """What guides the pictures."""

    tokens = "tokens"
    poses = "poses"


class Retarget(StrEnum):
    """What moves the poses that guide the pictures."""

    none = "none"
    parts = "parts"


def generate(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The sentence to sign.")] = None,
    reference: Annotated[
        Path | None, typer.Argument(metavar="REFERENCE", help="A picture of the signer.")
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="A file of sentences: txt, tsv, csv or jsonl."),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="RUN", help="Folder, hub id, or embedded; by default your run, or else embedded."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PATH", help="The mp4 to write, or a folder.")
    ] = None,
    pose: Annotated[
        Path | None,
        typer.Option("--pose", metavar="PATH", help="Also write the poses: a .pose file, or a folder."),
    ] = None,
    steps: Steps = None,
    guidance: Annotated[float | None, typer.Option("--guidance", min=0, help="Scale of guidance.")] = None,
    scheduler: Annotated[str | None, typer.Option("--scheduler", metavar="NAME", help=SCHEDULERS)] = None,
    guidance_start: Annotated[
        float | None,
        typer.Option(
            "--guidance-start",
            min=0,
            max=1,
            help="Share of the steps before guidance begins: faster, not exact.",
        ),
    ] = None,
    guidance_stop: Annotated[
        float | None,
        typer.Option(
            "--guidance-stop",
            min=0,
            max=1,
            help="Share of the steps before guidance ends: faster, not exact.",
        ),
    ] = None,
    reuse_every: Annotated[
        int | None,
        typer.Option("--reuse-every", min=1, help="Run inner blocks every N-th step: faster, not exact."),
    ] = None,
    window_batch: Annotated[
        int | None, typer.Option("--window-batch", min=1, help="Windows of a clip that run together.")
    ] = None,
    guided_by: Annotated[
        Guide | None,
        typer.Option("--guided-by", help="The text's tokens, or the poses that they show, drawn again."),
    ] = None,
    retarget: Annotated[
        Retarget | None,
        typer.Option(
            "--retarget", help="Poses that guide: as read, or each part moved to where the signer has it."
        ),
    ] = None,
    seed: Seed = 0,
    language: Annotated[
        str | None,
        typer.Option(
            "--language",
            help="ISO 639-3 of the sign language, where the run knows several; by default its first.",
        ),
    ] = None,
    max_frames: Annotated[
        int | None, typer.Option("--max-frames", min=1, help="Most frames; the sentence decides the length.")
    ] = None,
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, help="Randomness of the tokens; 0 is greedy.")
    ] = 0.0,
    top_k: Annotated[
        int | None, typer.Option("--top-k", min=1, help="Sample among this many tokens.")
    ] = None,
    device: Device = None,
    dtype: Precision = None,
    compile: Annotated[bool, typer.Option("--compile", help="Faster after minutes; CUDA only.")] = False,
    offload: Annotated[bool, typer.Option("--offload", help="For a small GPU: one part at a time.")] = False,
    strict: Strict = False,
    overwrite: Overwrite = False,
    mark: Annotated[
        bool, typer.Option("--mark/--no-mark", help="A mark in the pixels that says they were generated.")
    ] = True,
    manifest: Manifest = True,
    label: Annotated[bool, typer.Option("--label", help="The word 'generated' in a corner.")] = False,
    consent: ConsentFile = None,
    key: Key = None,
    certificate: Certificate = None,
    executor: Executors = Executor.local,
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            min=0,
            help="With --from: processes beside this one, none by default; on a cluster one a GPU or core.",
        ),
    ] = None,
    retry_failed: RetryFailed = False,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Make a signing video from a sentence and a picture, and a JSON sidecar that says how it was made.

    Without a run of your own, the model that travels with the package is used. With --from FILE there is one
    sentence per line, or columns text, reference, output and language; a picture for all of them follows FILE.
    Started again, that makes the videos that are missing; those that fail go to failed.jsonl, with the reason.

    Examples:

      signvip generate "tomorrow it will rain in the north" ref.png

      signvip generate "snow on monday" ref.png -o snow.mp4 --seed 7 --steps 50

      signvip generate "snow on monday" ref.png -o snow.mp4 --pose snow.pose

      signvip generate "snow on monday" ref.png --label --consent consent-anna.md

      signvip generate --from sentences.txt ref.png -o outputs/forecast

      signvip generate --from sentences.txt ref.png -o outputs/forecast --executor ray
    """
    check_usage(text, reference, source)
    if source is None and (executor is not Executor.local or workers is not None or retry_failed):
        raise typer.BadParameter("this is for many videos: give --from FILE.", param_hint="--executor")

    let_threads_sleep()
    with heavy_imports():
        from signvip.generate import GenerateOptions
        from signvip.generate import generate as make_videos
        from signvip.origin.record import OriginOptions
    from signvip_cli.reporter import make_reporter

    requests = read_requests(text, reference, source, output, pose)
    options = GenerateOptions(
        steps=steps, guidance=guidance, guidance_start=guidance_start, guidance_stop=guidance_stop,
        reuse_every=reuse_every, window_batch=window_batch, guided_by=None if guided_by is None else guided_by.value,
        retarget=None if retarget is None else retarget.value,
        scheduler=scheduler, seed=seed, language=language, max_frames=max_frames, temperature=temperature,
        top_k=top_k, device=device, dtype=dtype, compile=compile, offload=offload,
    )  # fmt: skip
    origin = OriginOptions(
        mark=mark, manifest=manifest, label=label, consent=consent, key=key, certificate=certificate
    )
    common: dict[str, Any] = {
        "run": run,
        "options": options,
        "origin": origin,
        "strict": strict,
        "overwrite": overwrite,
    }
    failed: Mapping[Path, str] = {}
    if source is None:
        make_videos(requests, **common, reporter=make_reporter())
    else:
        from signvip.data.executors import choose_executor
        from signvip.generate_many import generate_many as make_many

        gpus = device is None or device.startswith("cuda")
        failed = make_many(
            requests,
            output or MANY,
            **common,
            executor=choose_executor(executor.value, workers, None, gpus=gpus),
            retry_failed=retry_failed,
            reporter=make_reporter(),
        ).failed
    _tell(requests, failed, output or MANY, json)


def _tell(requests: Sequence[Request], failed: Mapping[Path, str], folder: Path, json: bool) -> None:
    """Print what is there, and what is not."""
    for path, why in [*failed.items()][:LISTED]:
        print_remark(f"{path.name} failed: {why}")
    if failed:
        print_remark(f"{len(failed)} of {len(requests)} videos failed; see {folder / 'failed.jsonl'}.")
    if json:
        print_json([_written(request, failed.get(request.output)) for request in requests])
        return
    for request in requests:
        if request.output not in failed:
            print_result(str(request.output))


def _written(request: Request, failed: str | None) -> dict[str, str]:
    if failed is not None:
        return {"failed": failed, "text": request.text}
    files = {"video": str(request.output), "sidecar": str(request.output.with_suffix(".json"))}
    return files if request.pose is None else {**files, "pose": str(request.pose)}


def check_usage(text: str | None, reference: Path | None, source: Path | None) -> None:
    """Refuse wrong usage before anything heavy is loaded."""
    if source is not None and reference is not None:
        raise typer.BadParameter("with --from give no TEXT, only a picture.", param_hint="TEXT")
    if source is None and (text is None or reference is None):
        raise typer.BadParameter(
            "give a sentence and a picture, or --from FILE.", param_hint="TEXT REFERENCE"
        )


def read_requests(
    text: str | None,
    reference: Path | None,
    source: Path | None,
    output: Path | None,
    pose: Path | None = None,
) -> list[Request]:
    """Return the requests of a command line; with `--from`, the only argument is the picture for all rows."""
    from signvip.data.requests import many, one

    if source is not None:
        return many(source, Path(text) if text is not None else None, output or MANY, pose)
    assert text is not None and reference is not None
    return one(text, reference, output, pose)
