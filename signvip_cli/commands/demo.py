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
    clips: Annotated[int, typer.Option("--clips", min=1, help="Videos to make.")] = 3,
    train: Annotated[
        bool, typer.Option("--train", help="First train the whole chain from nothing (about 15 minutes).")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Also measure what wrong references and conditions cost (slow).")
    ] = False,
    verbose: Verbose = 0,
) -> None:
    """Show signers and sentences that training never saw, each beside its ground truth, and write a report.

    Uses the model that travels with the package: no download, no GPU, about three minutes on two cores.

    Examples:

      signvip demo

      signvip demo outputs/mine --clips 5

      signvip demo --train

      signvip demo outputs/all --clips 24 --full
    """
    let_threads_sleep()
    with heavy_imports():
        from signvip_lab.demo import demo as make_demo
        from signvip_lab.evaluation.results import grids
    from signvip_cli.reporter import make_reporter

    made = make_demo(out, reporter=make_reporter(), clips=clips, train=train, full=full)
    for line in [*grids(made.numbers), *map(str, made.videos), str(made.page)]:
        print_result(line)
