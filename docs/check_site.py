"""Look at the built pages: `python docs/check_site.py docs/_build/html`; `nox -s docs` does so after each build.

A page asks the network for nothing, names its language, and has words for every picture.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
ELSEWHERE = re.compile(r"(?:https?:)?//")
IN_CSS = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)")


class Page(HTMLParser):
    """Collects what is wrong with one page."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.language = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        address = given.get(LOADS.get(tag, "")) or ""
        if ELSEWHERE.match(address):
            self.faults.append(f"<{tag}> asks {address}")
        if tag == "img" and not given.get("alt"):
            self.faults.append(f"the picture {address} has no words")
        if tag == "html":
            self.language = given.get("lang") or ""


def faults_of(site: Path) -> Iterator[str]:
    """Yield a line for everything that is wrong with the pages and style sheets below a folder."""
    pages = sorted(site.rglob("*.html"))
    if not pages:
        yield f"{site}: there are no pages"
    for path in pages:
        page = Page()
        page.feed(path.read_text(encoding="utf-8"))
        if not page.language:
            page.faults.append("it names no language")
        yield from (f"{path.relative_to(site)}: {fault}" for fault in page.faults)
    for path in sorted(site.rglob("*.css")):
        asked = IN_CSS.findall(path.read_text(encoding="utf-8"))
        yield from (f"{path.relative_to(site)}: asks {address}" for address in asked)


if __name__ == "__main__":
    found = list(faults_of(Path(sys.argv[1])))
    print("\n".join(found) or "The pages ask the network for nothing, and every picture has words.")
    sys.exit(bool(found))
