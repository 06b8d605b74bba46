"""Take the README's picture of the page of a server that runs: python tests/serve/page/picture.py URL [TEXT]."""

from __future__ import annotations

import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tests"))

from browser import browser  # noqa: E402
from PIL import Image  # noqa: E402
from steps import STATE, ask_for  # noqa: E402

PICTURE = ROOT / "docs" / "images" / "page.png"


def take(url: str, text: str) -> None:
    """Make a video of a text, stop in its last word, and write what is in sight."""
    with browser() as page:
        page.send("Emulation.setScrollbarsHidden", hidden=True)
        page.resize(1200, 800)
        page.open(url)
        page.until("document.querySelectorAll('#signers input').length > 0")
        ask_for(page, text)
        page.until(f"{STATE}.startsWith('Made')", 300)
        page.click("#said .word:last-child button")
        poses = page.run("!document.getElementById('posed').hidden")
        page.click("#tab-pose" if poses else "#tab-timing")
        page.run("document.activeElement.blur(); scrollTo(0, 0)")
        time.sleep(0.5)
        page.shoot(PICTURE)
    full = Image.open(PICTURE).convert("RGB")
    full.point(lambda value: value & 0xFC | value >> 6).save(
        PICTURE, optimize=True
    )  # two bits that nobody sees


if __name__ == "__main__":
    take(sys.argv[1], " ".join(sys.argv[2:]) or "snow on monday")
