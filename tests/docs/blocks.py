"""Commands of the documentation's pages, as a reader finds them: in indented blocks, and in blocks of bash."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MARKS = ("*Needs ", "*Takes ")  # begin the paragraph above a block that no test can run


@dataclass(frozen=True)
class Block:
    """Lines of a page that a reader copies; `marked` says that it needs data or hours that are not there."""

    page: str
    lines: tuple[str, ...]
    marked: bool


def pages() -> list[str]:
    """Return the pages that are written by hand, by their path below docs."""
    skipped = (DOCS / "_build", DOCS / "reference" / "generated")
    found = [path for path in DOCS.rglob("*.md") if not any(folder in path.parents for folder in skipped)]
    return sorted(str(path.relative_to(DOCS)) for path in found if path.name != "table.md")


def blocks(page: str, text: str | None = None) -> Iterator[Block]:
    """Yield the blocks of commands of a page, with continued lines made whole and comments taken off."""
    above = ""
    for kind, lines in _parts((text or (DOCS / page).read_text(encoding="utf-8")).splitlines()):
        if kind in ("indented", "```bash", "```console"):
            yield Block(page, _whole(lines), above.startswith(MARKS))
        above = lines[0] if kind == "prose" else ""


def _parts(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield paragraphs ("prose"), indented blocks, and fenced ones by the line that opens them."""
    kind, part = "", []
    for line in lines:
        if kind.startswith("```"):
            if line.startswith("```"):
                yield kind, part
                kind, part = "", []
            else:
                part.append(line)
            continue
        here = (
            line
            if line.startswith("```")
            else "indented"
            if line.startswith("    ")
            else "prose"
            if line
            else ""
        )
        if part and here != kind and (here or kind == "prose"):
            yield kind, part
            kind, part = "", []
        if here:
            kind, part = here, part + ([] if here == line else [line])
    if part:
        yield kind, part


def _whole(lines: list[str]) -> tuple[str, ...]:
    text = re.sub(r"\\\n\s*", "", "\n".join(lines))
    bare = (re.sub(r"(^|\s+)#.*", "", line).strip() for line in text.splitlines())
    return tuple(line for line in bare if line)


def programs(line: str) -> list[list[str]]:
    """Return the words of each program that a line starts."""
    return [shlex.split(part) for part in re.split(r"\s+&&\s+", line)]
