"""`signvip verify`: what a video says of where it comes from, and whether that still holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signvip_cli.console import print_json, print_result
from signvip_cli.options import Json, Verbose

if TYPE_CHECKING:
    from signvip.origin.verification import Part, Verification

NAMES = {
    "manifest": "signed manifest (C2PA)",
    "mark": "mark in the pixels",
    "sidecar": "JSON beside it",
    "notice": "notice in its metadata",
}


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

    found = read_origin(file)
    if json:
        print_json(found.to_json())
    else:
        for line in _lines(found):
            print_result(line)
    if found.broken:
        told = "; ".join(f"the {NAMES[name]}: {why}" for name, why in found.broken.items())
        raise DataError(
            f"{file} does not hold what it says of its origin ({told}); ask for the original file."
        )


def _lines(found: Verification) -> list[str]:
    if not found.found:
        return [
            f"{found.file}: nothing says that it was generated.",
            "That does not prove that it is genuine: marks and manifests can be removed.",
        ]
    said = "says that a model generated it" if found.generated else "does not say that a model generated it"
    return [
        f"{found.file} {said}:",
        *(f"  {NAMES[name]}: {_words(part)}" for name, part in found.parts.items()),
    ]


def _words(part: Part) -> str:
    if not part.found:
        return "not found" + (f" ({part.why})" if part.why else "")
    state = {True: "holds", False: "does not hold", None: "cannot be checked"}[part.holds]
    facts = ", ".join(f"{name} {_short(value)}" for name, value in part.facts.items() if value is not None)
    return state + (f": {part.why}" if part.why else "") + (f" ({facts})" if facts else "")


def _short(value: object) -> str:
    return f"{value:.0e}" if isinstance(value, float) else str(value)
