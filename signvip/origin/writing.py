"""The one door that generated video leaves by: labelled, marked, encoded, signed, whole or not at all."""

from __future__ import annotations

import hashlib
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from signvip.data.decoding import opened
from signvip.data.provenance import NOTICE
from signvip.data.video import VideoWriter
from signvip.errors import UnsignedWarning
from signvip.origin.keys import Key, signing_key
from signvip.origin.label import label
from signvip.origin.manifest import INSTALL, SOURCE, can_sign, sign
from signvip.origin.marking import Marker
from signvip.origin.pattern import KEY
from signvip.origin.record import Consent, Origin, OriginOptions, payload_word

_told: set[str] = set()  # reasons why nothing is signed, each told once


class Seal:
    """Whose key signs a video, or why none does, and what its sidecar says of its origin."""

    def __init__(self, origin: Origin, options: OriginOptions, source_type: str = SOURCE) -> None:
        self.origin, self.options, self._source_type = origin, options, source_type
        self._key, self._unsigned = _find_key(options)

    def sign(self, path: Path) -> None:
        """Put the manifest into a finished mp4, if there is one to put."""
        if self._key is not None:
            sign(path, self.origin, self.options.mark, self._key, self._source_type)

    def told(self, path: Path) -> dict[str, Any]:
        """The parts of the origin in the file, and why others are not; `stream` is the SHA-256 of its pictures."""
        payload = payload_word(self.origin.payload)
        return {
            "mark": {"version": KEY.decode(), "payload": payload} if self.options.mark else "off: --no-mark",
            "manifest": self._unsigned or {"key": _owner(self._key)},
            "label": self.options.label,
            "reference": self.origin.reference,
            "consent": self.origin.facts()["consent"],
            "stream": stream_digest(path),
        }


class GeneratedVideo(AbstractContextManager["GeneratedVideo"]):
    """Write an mp4 of generated frames that says so; `told` is what its sidecar says of that, once it is written."""

    def __init__(self, path: Path, fps: float, origin: Origin, options: OriginOptions | None = None) -> None:
        self.path, self.origin, self.options = path, origin, options or OriginOptions()
        self._seal = Seal(origin, self.options)
        self._marker = Marker(origin.payload, fps) if self.options.mark else None
        self._video = VideoWriter(path, fps, comment=NOTICE, seal=self._seal.sign)

    def __enter__(self) -> GeneratedVideo:
        self._video.__enter__()
        return self

    def write(self, frames: np.ndarray) -> None:
        """Append frames (F, H, W, 3), or one (H, W, 3), uint8 RGB, as the model made them."""
        frames = frames if frames.ndim == 4 else frames[None]
        if self.options.label:
            frames = label(frames)
        self._video.write(frames if self._marker is None else self._marker.mark(frames))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._video.__exit__(kind, error, trace)

    @property
    def told(self) -> dict[str, Any]:
        """The parts of the origin in the file, and why others are not."""
        return self._seal.told(self.path)


def check_origin(options: OriginOptions) -> None:
    """Find out before any work whether the record of consent and the key can be used."""
    if options.consent is not None:
        Consent.read(options.consent)
    _find_key(options)


def _find_key(options: OriginOptions) -> tuple[Key | None, str]:
    """Return the key to sign with, else why nothing is signed, which is told once."""
    if not options.manifest:
        return None, "off: --no-manifest"
    if not can_sign():
        return None, _unsigned("c2pa-python is not installed", INSTALL)
    try:
        return signing_key(options), ""
    except OSError as error:  # a home that cannot be written to; a key that was asked for is an error
        return None, _unsigned(f"no key can be stored ({error})", "give one by --key and --certificate")


def write_marked(path: Path, frames: np.ndarray, fps: float, origin: Origin) -> None:
    """Write generated frames (F, H, W, 3) uint8 RGB with a mark and no manifest.

    This is for the many clips of a training and a study, which an interrupted one has to give again byte for byte:
    signatures differ each time.
    """
    with GeneratedVideo(path, fps, origin, OriginOptions(manifest=False)) as video:
        video.write(frames)


def stream_digest(path: Path) -> str:
    """Hash what a video's pictures are coded as, wherever in the file they are; DataError where it is not a video."""
    digest = hashlib.sha256()
    with opened(path) as (container, stream):
        for packet in container.demux(stream):
            digest.update(bytes(packet))
    return digest.hexdigest()


def _owner(key: Key | None) -> str:
    return "made on first use; nobody vouches for it" if key is not None and key.own else "the user's"


def _unsigned(why: str, action: str) -> str:
    if why not in _told:
        _told.add(why)
        warnings.warn(
            f"Videos get no signed manifest of where they come from, since {why}: {action}, or choose so by "
            "--no-manifest.",
            UnsignedWarning,
            stacklevel=4,
        )
    return f"none: {why}"
