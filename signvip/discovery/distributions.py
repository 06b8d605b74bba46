"""Find the installed distributions that bring plugins; unreadable metadata costs only its own distribution."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

GROUP = "signvip"
ENTRY_POINTS = "entry_points.txt"


@dataclass(frozen=True)
class Entry:
    """One entry point: what it is called, whose it is, and how it is loaded."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]


def installed() -> list[Entry]:
    """Entry points of the group, by distribution and name; of a distribution that is there twice, the first."""
    found: dict[str, list[Entry]] = {}
    for distribution in distributions():
        entries = list(_entries(distribution))
        if entries:
            found.setdefault(re.sub(r"[-_.]+", "-", entries[0].distribution).lower(), entries)
    return sorted((entry for own in found.values() for entry in own), key=lambda e: (e.distribution, e.name))


def _entries(distribution: Distribution) -> Iterator[Entry]:
    try:
        text = distribution.read_text(ENTRY_POINTS) or ""
        if f"[{GROUP}]" not in text:
            return
        name, version = _about(distribution)
        for entry in distribution.entry_points.select(group=GROUP):
            yield Entry(str(entry.name), name, version, entry.load)
    except Exception as error:  # undecodable, or no entry points at all
        if f"[{GROUP}]" in _raw(distribution):
            yield Entry("metadata", *_about(distribution), _fails_with(error))


def _about(distribution: Distribution) -> tuple[str, str]:
    """Return name and version where the metadata has them, else the folder's name."""
    try:
        name, version = str(distribution.metadata["Name"] or ""), str(distribution.metadata["Version"] or "")
    except Exception:
        name = version = ""
    folder = getattr(distribution, "_path", None)
    return name or (Path(str(folder)).name if folder is not None else "unknown"), version


def _raw(distribution: Distribution) -> str:
    try:
        return (Path(str(distribution._path)) / ENTRY_POINTS).read_text(errors="replace")  # type: ignore[attr-defined]
    except (OSError, AttributeError):
        return ""


def _fails_with(error: Exception) -> Callable[[], object]:
    def load() -> object:
        raise error

    return load
