"""`signvip doctor`: is this machine ready, and are these shards sound."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.options import Json, Plugins, Verbose


def doctor(
    shards: Annotated[
        Path | None, typer.Argument(metavar="SHARDS", help="Also check every sample of these shards.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Also count a preset's parameters, and the memory that each of its stages needs.",
        ),
    ] = None,
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Check environment, devices and plugins, and shards or a preset if given.

    Exits with 1 if something is wrong. What only deserves a look, such as clips without hands in sight, is listed.

    Examples:

      signvip doctor

      signvip doctor data/shards --json

      signvip doctor --preset how2sign
    """
    from signvip.doctor.machine import examine
    from signvip_cli.reporter import make_reporter

    findings = examine(shards, preset, reporter=make_reporter())
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "FAULT" if finding.fault else "look" if finding.advice else "ok"
            print_result(f"{mark:<5}  {finding.topic:<22}  {finding.found}")
            if finding.fault or finding.advice:
                print_result(f"       {finding.fault or finding.advice}")
    if any(finding.fault for finding in findings):
        raise typer.Exit(1)
