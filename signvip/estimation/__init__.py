"""The kit for authors of estimators: layouts of keypoints, who signs, gaps, stored poses in and out.

An extractor gives what it found to `from_openpose`, `from_wholebody` or `from_holistic`, picks the signer with
`follow`, and ends with `tidy`. It imports the contracts and `data`; plugins import it.
"""

from __future__ import annotations

from signvip.estimation.hands import doubled_hands, palm_length, same_hand
from signvip.estimation.layouts import from_holistic, from_openpose, from_wholebody
from signvip.estimation.signer import follow, signer_boxes
from signvip.estimation.tidy import Tidied, report, tidy

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
