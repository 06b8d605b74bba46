"""Report what became of every key of a release: mapped, dropped on purpose, missing or unexpected."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor

from signvip.errors import DataError
from signvip.release.layout import Layout
from signvip.release.tables import PLACES

LISTED = 6  # keys named in an error; the whole lists are said before it
UNREAD = re.compile(r".+\.attn\.mask|trans_base\.pos_embedding(\.\w+)?")
"""The causal mask, which follows from the size, and a table that their code saves and never reads."""


@dataclass
class Report:
    """Keys by part, in the names of the release; ends up in the run as import.json."""

    files: dict[str, list[str]]
    others: list[str]
    dropped: dict[str, list[str]] = field(default_factory=dict)
    missing: dict[str, list[str]] = field(default_factory=dict)
    unexpected: dict[str, list[str]] = field(default_factory=dict)

    def compare(self, part: str, tensors: Mapping[str, Tensor], layout: Layout) -> None:
        """Note what a part drops, lacks and has too much; DataError for another shape."""
        others = [key for key in tensors if key not in layout]
        self.dropped[part] = [key for key in others if UNREAD.fullmatch(key)]
        self.unexpected[part] = [key for key in others if not UNREAD.fullmatch(key)]
        self.missing[part] = [key for key in layout if key not in tensors and not key.endswith(PLACES)]
        wrong = [key for key, shape in layout.items() if key in tensors and tensors[key].shape != shape]
        if wrong:
            raise DataError(
                f"{len(wrong)} tensors of the {part} have another shape, such as {wrong[0]}: "
                f"{tuple(tensors[wrong[0]].shape)} where {layout[wrong[0]]} is expected; "
                "choose the --preset these weights were trained with, or give the sizes by --set."
            )

    def faults(self) -> str:
        """Return the parts and the first keys that do not fit; empty where all do."""
        return "; ".join(f"{what} ({_some(keys)})" for what, keys in self._lists())

    def sentences(self) -> Iterator[str]:
        """Yield every key that does not fit."""
        for what, keys in self._lists():
            yield f"{what}: {', '.join(keys)}"

    def _lists(self) -> Iterator[tuple[str, list[str]]]:
        for kind, parts in (("missing", self.missing), ("unexpected", self.unexpected)):
            for part, keys in parts.items():
                if keys:
                    yield f"{part}: {len(keys)} {kind}", keys


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
