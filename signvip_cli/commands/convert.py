"""`signvip convert`: safetensors and JSON of one's own pickles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.imports import heavy_imports
from signvip_cli.options import Json, Verbose


def convert(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run that holds pickles.")],
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Turn pickles in a run of your own into safetensors and JSON, which is all that is read from a run.

    Weights in .bin files and checkpoints of SignViP 0.1 are converted in place; the pickles stay, and are not
    read again. Those that hold more than tensors and plain values are not opened.

    Examples:

      signvip convert runs/default
    """
    with heavy_imports():
        from signvip.storage.convert import convert as make

    made = [str(path) for path in make(run)]
    if json:
        print_json(made)
    for path in [] if json else made:
        print_result(path)
