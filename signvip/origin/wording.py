"""What was found of a video's origin, in the words that the command and the page print."""

from __future__ import annotations

from signvip.origin.verification import Part, Verification

NAMES = {
    "manifest": "signed manifest (C2PA)",
    "mark": "mark in the pixels",
    "sidecar": "JSON beside it",
    "notice": "notice in its metadata",
}


def say(found: Verification) -> list[str]:
    """Return one line on the whole, and one for each thing that the video says of itself."""
    if not found.found:
        return [
            f"{found.file}: nothing says that it was generated.",
            "That does not prove that it is genuine: marks and manifests can be removed.",
        ]
    said = "says that a model generated it" if found.generated else "does not say that a model generated it"
    return [
        f"{found.file} {said}:",
        *(f"  {NAMES[name]}: {_words(part)}" for name, part in found.parts.items()),
    ]


def _words(part: Part) -> str:
    if not part.found:
        return "not found" + (f" ({part.why})" if part.why else "")
    state = {True: "holds", False: "does not hold", None: "cannot be checked"}[part.holds]
    facts = ", ".join(f"{name} {_short(value)}" for name, value in part.facts.items() if value is not None)
    return state + (f": {part.why}" if part.why else "") + (f" ({facts})" if facts else "")


def _short(value: object) -> str:
    return f"{value:.0e}" if isinstance(value, float) else str(value)
