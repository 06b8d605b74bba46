"""Faults to plant: each breaks one equation or choice of the paper, and names the tests that must notice."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
LISTS = Path(__file__).with_name("faults")


@dataclass(frozen=True)
class Fault:
    """`old` stands in `file` once and becomes `new`; then one of `tests` has to fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def planted(self, root: Path = ROOT) -> str:
        """The file's text with the fault; ValueError where it has no place any more."""
        text = (root / self.file).read_text()
        if text.count(self.old) != 1:
            raise ValueError(
                f"'{self.name}': its old text stands {text.count(self.old)} times in {self.file}; "
                "write the fault anew for the code as it is now."
            )
        return text.replace(self.old, self.new)


def read_faults() -> list[Fault]:
    """All faults, list by list."""
    return [fault for path in sorted(LISTS.glob("*.toml")) for fault in _read(path)]


def _read(path: Path) -> list[Fault]:
    found = tomllib.loads(path.read_text())["fault"]
    return [Fault(**{**entry, "tests": tuple(entry["tests"])}) for entry in found]
