"""Pictures of signers to choose from, where somebody has none of their own."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import signvip
from signvip.run import REFERENCES

DRAWN = 4
TOYSIGN = "qaa"  # the language of drawn signers


@dataclass(frozen=True)
class Shipped:
    """A picture that travels with a run, as its file has it."""

    name: str
    content: bytes


def shipped(run: Path, languages: tuple[str, ...], size: tuple[int, int]) -> tuple[Shipped, ...]:
    """Return the pictures in the run's folder `references`; for one of drawn signers, some that are drawn alike."""
    folder = run / REFERENCES
    if folder.is_dir():
        kinds = (".png", ".jpg", ".jpeg")
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in kinds)
        return tuple(Shipped(path.stem, path.read_bytes()) for path in files)
    return _drawn(size) if languages == (TOYSIGN,) else ()


def _drawn(size: tuple[int, int]) -> tuple[Shipped, ...]:
    reader = signvip.build("dataset", "toysign", size=size)
    pictures = [reader.portrait(signer) for signer in reader.signers("test")[:DRAWN]]
    return tuple(
        Shipped(f"drawn-{place}", _png(Image.fromarray(picture)))
        for place, picture in enumerate(pictures, start=1)
    )


def _png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
