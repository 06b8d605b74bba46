"""Pages of the reference that are written from the code, so that they follow it: `pages()` by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from generators.api import api_page
from generators.commands import commands_page
from generators.configuration import configuration_page
from generators.parts import parts_page
from generators.shards import shards_page

PAGES: dict[str, Callable[[], str]] = {
    "api": api_page,
    "commands": commands_page,
    "configuration": configuration_page,
    "parts": parts_page,
    "shards": shards_page,
}


def write_reference(folder: Path) -> None:
    """Write every page as Markdown; one that has not changed keeps its time, so that it is not built again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, make in PAGES.items():
        page, path = make(), folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != page:
            path.write_text(page, encoding="utf-8")
