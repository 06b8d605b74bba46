"""The dress of every page: one stylesheet for reports, the page of `serve` and the docs.

It imports nothing of the house; the lab, `signvip_serve` and the docs read it.
"""

from __future__ import annotations

from pathlib import Path

STYLESHEET = Path(__file__).parent / "base.css"


def stylesheet() -> str:
    """Return the rules, to write into a page that must open without any other file."""
    return STYLESHEET.read_text(encoding="utf-8")
