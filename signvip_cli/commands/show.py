"""`signvip show`: look at what is in shards."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.options import SHARDS, Json, Plugins, Verbose


def show(
    source: Annotated[
        Path, typer.Argument(metavar="[SOURCE]", help="A shard, a folder of shards, or a video.")
    ] = SHARDS,
    clip: Annotated[
        list[str] | None, typer.Option("--clip", metavar="ID", help="This clip (repeatable).")
    ] = None,
    clips: Annotated[int, typer.Option("--clips", min=1, help="How many clips, if none is named.")] = 3,
    frames: Annotated[int, typer.Option("--frames", min=1, help="Frames of each clip on a sheet.")] = 10,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A .png sheet, or an .mp4 that moves.")
    ] = Path("outputs/show.png"),
    json: Json = False,
    plugin: Plugins = None,
    verbose: Verbose = 0,
) -> None:
    """Write frames beside their conditions, for a person to look at: a sheet, or a video.

    Examples:

      signvip show

      signvip show data/shards/test-000000.tar --clip toy-test-00003 -o clip.mp4

      signvip show my-video.mov --frames 20
    """
    if output.suffix not in (".png", ".mp4"):
        raise typer.BadParameter(f"'{output}' ends neither in .png nor in .mp4.", param_hint="--output")

    from signvip.data.show import strips, write_sheet, write_video

    shown = list(strips(source, clip or (), clips))
    path = write_video(shown, output) if output.suffix == ".mp4" else write_sheet(shown, output, frames)
    if json:
        print_json({"output": str(path), "clips": [strip.name for strip in shown]})
    else:
        print_result(str(path))
