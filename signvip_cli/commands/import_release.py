"""`signvip import-release`: the authors' checkpoint as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_result
from signvip_cli.options import Settings, Verbose


def import_release(
    source: Annotated[
        str,
        typer.Argument(metavar="SOURCE", help="The release: a folder, or a hub id such as umnooob/signvip."),
    ],
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run to write.")],
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="rwth-release or how2sign-release; by default the one that fits its tokens."
        ),
    ] = None,
    stable_diffusion: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER|ID",
            help="Stable Diffusion 1.5, for what the release leaves out; by default the hub's.",
        ),
    ] = None,
    vae: Annotated[
        str | None, typer.Option(metavar="FOLDER|ID", help="The VAE; by default sd-vae-ft-mse of the hub.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Import what fits, and say what is missing or left over.")
    ] = False,
    settings: Settings = None,
    verbose: Verbose = 0,
) -> None:
    """Turn the authors' released weights into a run that generate, evaluate and train can use.

    Files are recognised by the keys in them, not by their names. Pickles that want to run code are not opened.
    The release has no licence of its own, and the run's import.json says so.

    Examples:

      signvip import-release umnooob/signvip runs/release

      signvip import-release downloads/RWTH runs/release --stable-diffusion weights/sd15 --vae weights/vae

      signvip generate "morgen regnet es im norden" ref.png --run runs/release
    """
    from signvip.release import ImportOptions
    from signvip.release import import_release as convert
    from signvip_cli.reporter import make_reporter

    options = ImportOptions(preset, stable_diffusion, vae, tuple(settings or ()), partial)
    print_result(str(convert(source, run, options, make_reporter())))
