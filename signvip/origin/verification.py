"""Check what a video says of its origin, and whether that still holds: `signvip verify`, `signvip.verify`."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from signvip.data.provenance import is_marked, metadata_words, notice_beside, top_words
from signvip.errors import DataError
from signvip.origin import manifest as c2pa
from signvip.origin.canvas import of_video
from signvip.origin.looking import inset_of, look
from signvip.origin.record import payload_word
from signvip.origin.sidecar import facts_of, fault_of, read_sidecar, stream_of


@dataclass(frozen=True)
class Part:
    """One thing that a video says of itself. `holds` is None where it cannot be checked or should not be there."""

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
        """The reasons why what was found, or should be there, does not hold."""
        return {name: part.why for name, part in self.parts.items() if part.holds is False}

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def verify(path: str | os.PathLike[str]) -> Verification:
    """Read the manifest, the mark in the pixels and the sidecar of a video; DataError where it is not one."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"There is no video {path}; check the path.")
    canvas = of_video(path)  # first: what is not a video is told as such
    manifest = _manifest(path)
    sidecar = _sidecar(path, manifest)
    manifest = manifest if manifest.found else _removed(sidecar)
    found = look(path, canvas, inset_of(read_sidecar(path)))
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


def _sidecar(path: Path, manifest: Part) -> Part:
    """Check a sidecar: it holds where it is as it was written, for these coded pictures, and as the manifest says."""
    value = read_sidecar(path)
    if value is None:
        return Part(False)
    facts = {"file": notice_beside(path).name, **facts_of(value)}
    if stream_of(value) is None:
        return Part(True, why="it is from a version that did not note which video it belongs to", facts=facts)
    why = fault_of(value, path)
    if not why and manifest.holds:
        signed = manifest.facts
        other = next(
            (name for name in facts if _words(facts[name]) != signed.get(name, _words(facts[name]))), ""
        )
        why = other and f"its {other} is not that of the signed manifest"
    return Part(True, not why, why, facts)


def _words(said: Any) -> Any:
    """Return a text as manifests hold it, which take valid Unicode alone."""
    return said.encode("utf-8", "backslashreplace").decode() if isinstance(said, str) else said


def _removed(sidecar: Part) -> Part:
    """Tell of a manifest that is not there whether there was one."""
    if sidecar.holds and "key" in sidecar.facts:
        return Part(False, False, "the JSON beside it says that there was one, and it was removed")
    return Part(False)
