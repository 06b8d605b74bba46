"""`signvip plugins new`: start a plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_json, print_remark, print_result
from signvip_cli.options import Json, Verbose


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the plugin, such as mine.")],
    kind: Annotated[str, typer.Option("--kind", help="condition, quantizer, denoiser, dataset, metric ...")],
    out: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FOLDER", help="By default ./signvip-NAME.")
    ] = None,
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Write a new plugin that works and passes its test: pyproject.toml, one module, one test.

    Examples:

      signvip plugins new mine --kind quantizer

      pip install -e signvip-mine && signvip plugins check mine
    """
    from signvip.scaffold import scaffold

    folder = out or Path(f"signvip-{name}")
    made = [str(path) for path in scaffold(name, kind, folder)]
    if json:
        print_json(made)
    for path in [] if json else made:
        print_result(path)
    print_remark(f"Next: pip install -e {folder} && signvip plugins check {name}")
