"""The finding of an evaluation in one sentence, made of its numbers and of what chance leaves of them."""

from __future__ import annotations

from collections.abc import Sequence

from signvip.data.baseline import STILL
from signvip_lab.evaluation.making import GENERATED, REBUILT
from signvip_lab.evaluation.results import Difference, Evaluation
from signvip_lab.pages.words import listed

JOINTS = "mpjpe"  # a fraction of the frame
PICTURES = {
    "hand_ssim": "hands (SSIM)",
    "face_ssim": "faces (SSIM)",
    "ssim": "whole frames (SSIM)",
    "psnr": "whole frames (PSNR)",
}


def finding(evaluation: Evaluation) -> str:
    """Return a sentence: where the joints are from the text, and how pictures compare with a still one."""
    differences = evaluation.differences(STILL)
    joints = next((d for d in differences if (d.row, d.name) == (GENERATED, JOINTS)), None)
    pictures = [d for d in differences if d.row == REBUILT and d.name in PICTURES]
    told = [_joints(evaluation, joints)] if joints else []
    told += (
        [f"made from the true conditions, against a still picture, {_pictures(pictures)}"] if pictures else []
    )
    count = evaluation.about["clips"]
    clips = "this clip" if count == 1 else f"these {count} clips"
    if not told:
        return f"No number of {clips} can be held against a still picture: look at the videos."
    return f"In {clips}, {'; '.join(told)}."


def _joints(evaluation: Evaluation, joints: Difference) -> str:
    own, still = (100 * evaluation.value(row, JOINTS) for row in (GENERATED, STILL))
    verdict = {True: "nearer than", False: "farther than", None: "within chance of"}[joints.better]
    return f"joints made from the text are {own:.1f} % of the frame off, {verdict} a still picture's ({still:.1f} %)"


def _pictures(found: Sequence[Difference]) -> str:
    """Say of each part of the picture whether a still one is beaten: yes, no, or not known."""
    groups = {
        word: [PICTURES[d.name] for d in found if d.better is better]
        for better, word in ((True, "win"), (False, "lose"), (None, "tie within chance"))
    }
    return ", ".join(f"{listed(names)} {word}" for word, names in groups.items() if names)
