"""MediaPipe for SignViP: the estimator `mediapipe`. MediaPipe itself is imported when the first clip comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import signvip

if TYPE_CHECKING:
    from signvip.contracts import Register


@signvip.hookimpl
def register_estimators(register: Register) -> None:
    register("mediapipe", "signvip_mediapipe.estimator:Mediapipe")
