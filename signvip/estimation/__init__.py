"""What estimators share: layouts of keypoints, who signs, gaps; and those that come with SignViP.

An extractor gives what it found to `from_openpose`, `from_wholebody` or `from_holistic`, picks the signer with
`follow`, and ends with `tidy`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signvip.estimation.hands import doubled_hands, palm_length, same_hand
from signvip.estimation.layouts import from_holistic, from_openpose, from_wholebody
from signvip.estimation.signer import follow, signer_boxes
from signvip.estimation.tidy import Tidied, report, tidy
from signvip.hookspecs import hookimpl

if TYPE_CHECKING:
    from signvip.contracts import Register

__all__ = [
    "Tidied",
    "doubled_hands",
    "follow",
    "from_holistic",
    "from_openpose",
    "from_wholebody",
    "palm_length",
    "report",
    "same_hand",
    "signer_boxes",
    "tidy",
]


@hookimpl
def register_estimators(register: Register) -> None:
    register("keypoints", "signvip.estimation.keypoints:Keypoints")
    register("meshes", "signvip.estimation.meshes:Meshes")
