"""`signvip demo`: what comes out, in three minutes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_result
from signvip_cli.imports import heavy_imports, let_threads_sleep
from signvip_cli.options import Verbose

DEMO = Path("outputs/demo")


def demo(
    out: Annotated[
        Path, typer.Argument(metavar="[OUT]", help="Folder for the videos and the report.")
    ] = DEMO,
    clips: Annotated[int, typer.Option("--clips", min=1, help="Videos to make.")] = 4,
    train: Annotated[
        bool, typer.Option("--train", help="First train the whole chain in OUT, or go on where that stopped.")
    ] = False,
    preset: Annotated[
        str | None,
        typer.Option(
            "--preset",
            metavar="NAME",
            help="What --train trains: tiny (the default, 20 minutes), embedded (hours) ...",
        ),
    ] = None,
    full: Annotated[
        bool, typer.Option("--full", help="Also measure what wrong references and conditions cost (slow).")
    ] = False,
    verbose: Verbose = 0,
) -> None:
    """Show signers and sentences that training never saw, each beside its ground truth, and write a report.

    Uses the model that travels with the package and its clips: no download, no GPU, a few minutes on two cores.
    More clips than travel are made of the run's own dataset.

    Examples:

      signvip demo

      signvip demo outputs/mine --clips 5

      signvip demo --train

      signvip demo outputs/embedded --train --preset embedded

      signvip demo outputs/all --clips 24 --full
    """
    if preset is not None and not train:
        raise typer.BadParameter("it says what --train trains; add --train.", param_hint="--preset")
    let_threads_sleep()
    with heavy_imports():
        from signvip_lab.demo import demo as make_demo
        from signvip_lab.evaluation.results import grids
    from signvip_cli.reporter import make_reporter

    made = make_demo(
        out, reporter=make_reporter(), clips=clips, train=(preset or "tiny") if train else None, full=full
    )
    for line in [*grids(made.numbers), *map(str, made.videos), str(made.page)]:
        print_result(line)
