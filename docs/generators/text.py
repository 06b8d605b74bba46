"""What the generated pages share: definition lists in place of wide tables, and text that Markdown leaves alone."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable


def entry(term: str, *lines: str, anchor: str = "") -> str:
    """Return one entry of a definition list: the term, and a paragraph for each line that is not empty."""
    said = [line for line in lines if line]
    label = f"({anchor})=\n" if anchor else ""
    first, *rest = said or ["No more is said of it."]
    body = [f": {first}", *(f"  {line}" for line in rest)]
    return f"{label}{term}\n" + "\n\n".join(body) + "\n"


def page(title: str, *parts: str) -> str:
    """Return a page: its title, and the parts that are not empty."""
    return "\n\n".join([f"# {title}", *(part.strip() for part in parts if part.strip())]) + "\n"


def prose(text: str | None) -> str:
    """Return text of a docstring as Markdown: brackets and comparison signs that would be markup are kept literal."""
    words = inspect.cleandoc(text or "")
    return re.sub(r"(?<!\\)<(?=[a-zA-Z/])", r"\\<", re.sub(r"\\\[", "[", words))


def console(lines: Iterable[str]) -> str:
    """Return a block of commands."""
    return "```console\n" + "\n".join(lines) + "\n```"
