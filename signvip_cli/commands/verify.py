"""`signvip verify`: what a video says of where it comes from, and whether that still holds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.options import Json, Verbose


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A video.")],
    json: Json = False,
    verbose: Verbose = 0,
) -> None:
    """Say whether a video was generated: by its signed manifest, the mark in its pixels, the JSON beside it.

    Exits with 1 where one of them is there and does not hold: the video was changed, or it belongs to another one.

    Examples:

      signvip verify tomorrow-it-will-rain.mp4

      signvip verify tomorrow-it-will-rain.mp4 --json
    """
    from signvip.errors import DataError
    from signvip.origin.verification import verify as read_origin
    from signvip.origin.wording import NAMES, say

    found = read_origin(file)
    if json:
        print_json(found.to_json())
    else:
        for line in say(found):
            print_result(line)
    if found.broken:
        told = "; ".join(f"the {NAMES[name]}: {why}" for name, why in found.broken.items())
        raise DataError(
            f"{file} does not hold what it says of its origin ({told}); ask for the original file."
        )
