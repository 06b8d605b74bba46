"""What somebody does with the page, in JavaScript or by hand."""

from __future__ import annotations

STATE = "document.getElementById('state').textContent"
REFUSED = "document.getElementById('refused').textContent"
FRAME = "Number(document.getElementById('seek').value)"
FRAMES = "Number(document.getElementById('seek').max) + 1"
SAID = "document.getElementById('announced').textContent"
MARKED = "document.querySelector('#said [aria-current]')?.textContent ?? ''"
PAUSED = "document.getElementById('video').paused"


def ask_for(page, text="rain"):
    """Type a text and press Generate."""
    page.run(
        f"document.getElementById('text').value = '{text}';"
        "document.getElementById('text').dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.click("#make")


def make(page, text="rain"):
    """Make a video, and leave it paused at its first frame, with nothing focused."""
    ask_for(page, text)
    page.until(f"{STATE}.startsWith('Made')")
    page.click("#start")
    page.run("document.activeElement.blur()")
    page.until(f"{FRAME} === 0 && {PAUSED}")
