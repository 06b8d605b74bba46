"""`signvip sign`: subtitles and a film to the film with a signed track."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signvip_cli.console import print_json, print_remark, print_result
from signvip_cli.imports import heavy_imports, let_threads_sleep
from signvip_cli.options import (
    Certificate,
    ConsentFile,
    Device,
    Json,
    Key,
    Manifest,
    Overwrite,
    Plugins,
    Precision,
    Seed,
    Steps,
    Strict,
    Verbose,
)

if TYPE_CHECKING:
    from signvip_track.signing import SignedFilm

LISTED = 50  # cues on stderr; the sidecar has all


def sign(
    subtitles: Annotated[Path, typer.Argument(metavar="SUBTITLES", help="An SRT or WebVTT file.")],
    film: Annotated[Path, typer.Option("--over", metavar="VIDEO", help="The film that they belong to.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="By default the film's name with -signed."),
    ] = None,
    corner: Annotated[str, typer.Option("--corner", help="Where the signer is: tl, tr, bl or br.")] = "br",
    scale: Annotated[float, typer.Option("--scale", help="Height of the signer, of the film's.")] = 0.3,
    track: Annotated[
        str, typer.Option("--track", help="inset: in the film; stream: a second video stream; file: alone.")
    ] = "inset",
    between: Annotated[
        str, typer.Option("--between", help="While nothing is signed: nothing, or rest (the picture).")
    ] = "nothing",
    speed_limit: Annotated[
        float, typer.Option("--speed-limit", help="How many times faster a sentence may be signed.")
    ] = 1.5,
    misfits: Annotated[
        str, typer.Option("--misfits", help="Sentences that do not fit: skip them, or cut them off.")
    ] = "skip",
    reference: Annotated[
        Path | None,
        typer.Option("--reference", metavar="FILE", help="A picture of the signer; by default a drawing."),
    ] = None,
    clips: Annotated[
        Path | None,
        typer.Option(
            "--clips", metavar="FOLDER", help="Keep the signed sentences here; those that are there are used."
        ),
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="ISO 639-3 of the sign language, such as ase.")
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="RUN", help="Folder, hub id, or embedded; by default your run, or else embedded."
        ),
    ] = None,
    steps: Steps = None,
    seed: Seed = 0,
    device: Device = None,
    dtype: Precision = None,
    strict: Strict = False,
    overwrite: Overwrite = False,
    mark: Annotated[
        bool, typer.Option("--mark/--no-mark", help="A mark in the signer's pixels: they were generated.")
    ] = True,
    manifest: Manifest = True,
    label: Annotated[bool, typer.Option("--label", help="The word 'generated' over the signer.")] = False,
    consent: ConsentFile = None,
    key: Key = None,
    certificate: Certificate = None,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Sign the subtitles of a film: each cue in its time, and a list of those that could not be fitted.

    The film keeps its frames, size and sound. Started again after it was stopped, the command goes on.

    Examples:

      signvip sign talk.vtt --over talk.mp4 --corner br --language ase -o out.mp4

      signvip sign talk.srt --over talk.mp4 --reference ref.png --speed-limit 1.3

      signvip sign talk.vtt --over talk.mp4 --clips talk-clips

      signvip sign talk.vtt --over talk.mp4 --track stream --between rest -o out.mkv
    """
    let_threads_sleep()
    with heavy_imports():
        from signvip.origin.record import OriginOptions
        from signvip.sampling.options import GenerateOptions
        from signvip_track.signing import TrackOptions
        from signvip_track.signing import sign as sign_film
    from signvip_cli.reporter import make_reporter

    made = sign_film(
        subtitles,
        film,
        output or film.with_name(f"{film.stem}-signed.mp4"),
        reference=reference,
        run=run,
        options=GenerateOptions(steps=steps, seed=seed, language=language, device=device, dtype=dtype),
        track=TrackOptions(track, corner, scale, speed_limit, between, misfits),  # type: ignore[arg-type]  # checked
        origin=OriginOptions(mark, manifest, label, consent, key, certificate),
        kept=clips,
        strict=strict,
        overwrite=overwrite,
        reporter=make_reporter(),
    )
    _tell(made)
    if json:
        print_json(made.to_json())
    else:
        print_result(str(made.video))


def _tell(made: SignedFilm) -> None:
    """Say how many cues are signed, and which are not."""
    unsigned = [*made.odd, *made.misfits]
    print_remark(f"{len(made.placements)} cues are signed; {len(unsigned)} could not be signed or fitted.")
    for cue in unsigned[:LISTED]:
        print_remark(f"  {cue}")
    if len(unsigned) > LISTED:
        print_remark(f"  and {len(unsigned) - LISTED} more, in {made.sidecar}")
