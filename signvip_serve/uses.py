"""Where a video is to be shown, and what deaf bodies advise about it: docs/ethics/index.md has the sources."""

from __future__ import annotations

from typing import Literal, get_args

Use = Literal["recorded", "live", "emergency", "medical", "legal", "education", "other"]
USES: tuple[Use, ...] = get_args(Use)

_ADVICE: dict[Use, str] = {
    "live": "Generated signing cannot answer, ask back or correct itself: for anything live, book a human interpreter.",
    "emergency": "Do not warn or guide people in danger by generated signing, where a wrong sign can cost a life: have "
    "a deaf signer recorded.",
    "medical": "Do not put generated signing before a patient, where a wrong sign does harm: book a human interpreter.",
    "legal": "Do not rely on generated signing where rights or money are at stake: book a human interpreter.",
    "education": "Learners copy what they see: show it only after a deaf signer of the language has looked at it.",
    "other": "Generated signing is for recorded videos of little consequence: ask deaf people who will see this one.",
}


def advice(where: Use | None) -> list[str]:
    """Return what to say to somebody who will show a video there; nothing for recorded, low-risk uses."""
    return [_ADVICE[where]] if where in _ADVICE else []
