"""Check what a video says of its origin, and whether that still holds: `signvip verify`, `signvip.verify`."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from signvip.data.provenance import is_marked, metadata_words, notice_beside, says_so, top_words
from signvip.errors import DataError
from signvip.origin import manifest as c2pa
from signvip.origin.canvas import of_video
from signvip.origin.detection import detect
from signvip.origin.record import payload_word
from signvip.origin.writing import stream_digest
from signvip.storage.json_files import parse_json


@dataclass(frozen=True)
class Part:
    """One thing that a video says of itself. `holds` is None where it was not found or cannot be checked."""

    found: bool
    holds: bool | None = None
    why: str = ""  # it does not hold, or cannot be told
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verification:
    """Everything that a video says of its origin."""

    file: str
    manifest: Part
    mark: Part
    sidecar: Part
    notice: Part  # in the metadata, where anybody can write and remove it

    @property
    def parts(self) -> dict[str, Part]:
        return {name: getattr(self, name) for name in ("manifest", "mark", "sidecar", "notice")}

    @property
    def generated(self) -> bool:
        """Return whether anything says that a model made this video; a manifest may also be a camera's."""
        manifest = self.manifest.found and is_marked(map(str, self.manifest.facts.get("sources", ())))
        return manifest or any(part.found for part in (self.mark, self.sidecar, self.notice))

    @property
    def found(self) -> bool:
        """Return whether the video says anything of its origin."""
        return any(part.found for part in self.parts.values())

    @property
    def broken(self) -> dict[str, str]:
        """The reasons why what was found does not hold."""
        return {name: part.why for name, part in self.parts.items() if part.found and part.holds is False}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def verify(path: str | os.PathLike[str]) -> Verification:
    """Read the manifest, the mark in the pixels and the sidecar of a video; DataError where it is not one."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no video {path}; check the path.")
    canvas = of_video(path)  # first: what is not a video is told as such
    manifest, sidecar = _manifest(path), _sidecar(path)
    found = detect(canvas)
    mark = Part(False, facts={"chance": 1.0 if found is None else found.chance})
    if found is not None and found.found:
        mark = _mark(payload_word(found.payload), found.chance, {"manifest": manifest, "sidecar": sidecar})
    told = is_marked(metadata_words(path))
    return Verification(str(path), manifest, mark, sidecar, Part(told, True if told else None))


def _manifest(path: Path) -> Part:
    if not c2pa.can_sign():
        there = any("c2pa" in words for words in top_words(path))
        return Part(there, why=f"it can only be checked with c2pa-python: {c2pa.INSTALL}" if there else "")
    found = c2pa.read(path)
    if found is None:
        return Part(False)
    facts = {"signer": found.signer, "trusted": found.trusted, "sources": found.sources, **found.facts}
    return Part(True, found.holds, "" if found.holds else found.why, facts)


def _mark(payload: str, chance: float, told: dict[str, Part]) -> Part:
    """Check a mark: it holds unless the manifest or the sidecar, where they hold, belong to another video."""
    facts = {"payload": payload, "chance": chance}
    for name, part in told.items():
        said = part.facts.get("mark")
        if part.holds and isinstance(said, str) and said != payload:
            return Part(True, False, f"it says {payload}, and the {name} says {said}", facts)
    return Part(True, True, facts=facts)


def _sidecar(path: Path) -> Part:
    """A sidecar holds where the video's coded pictures are those that it was written for."""
    beside = notice_beside(path)
    if not says_so(beside):
        return Part(False)
    value = parse_json(beside.read_text(encoding="utf-8-sig"))
    facts = {"file": beside.name, **{name: value.get(name) for name in ("text", "weights")}}
    origin = value.get("origin")
    stream = origin.get("stream") if isinstance(origin, dict) else None
    if stream is None:
        return Part(True, why="it is from a version that did not note which video it belongs to", facts=facts)
    if isinstance(said := origin.get("mark"), dict):
        facts["mark"] = said.get("payload")
    holds = stream == stream_digest(path)
    why = "" if holds else "the video was changed since, or is another one"
    return Part(True, holds, why, facts)
