"""Moved hands as a drawn signer: arms that reach them, a head that looks on, and what of them the picture shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from signvip_toysign.face_points import landmarks
from signvip_toysign.limbs import Lines
from signvip_toysign.rotations import euler
from signvip_toysign.signer import Signer, make_signer
from signvip_toysign.skeleton import (
    EARS,
    FOREARM,
    SHOULDER_Y,
    SHOULDER_Z,
    SIDES,
    UPPER_ARM,
    Skeleton,
    View,
    keypoints,
    reach,
    turn_head,
)

from signvip.contracts import NUM_KEYPOINTS
from signvip_datasets.lexicon.hand_bones import Hands, palm_axes
from signvip_datasets.lexicon.placing import CROP, HAND, MIDDLE

# Strong lines put hand trackers off, small hands do not. MediaPipe, on letters of four languages by six signers: with
# an edge of 0.003 it finds 86 to 95 % of hands, joints off by 1.9 to 2.3 pixels of 128; with this one 90 to 98 %, by
# 1.7 to 1.9.
FINE = Lines(edge=0.0015, edge_shade=0.60, finger=0.0535, fingertip=0.043, thumb=0.060, palm=0.062)
_SWAY = 0.02  # radians: nobody's head is still


@dataclass(frozen=True)
class Manner:
    """A clip's manner beside the hands: when eyes blink (seconds), how the head sways, how much is mouthed."""

    blinks: tuple[float, ...] = ()
    phase: float = 0.0
    mouthing: float = 0.5


def signer(seed: int, signer_id: str) -> Signer:
    """Return a person of `toysign` with hands of the length that can be read."""
    person = make_signer(seed, signer_id)
    return replace(person, hand=HAND * 2 * person.shoulder)


def view(person: Signer, left_handed: bool) -> View:
    """Return a square about head, shoulders and the spelling hand."""
    width = 2 * person.shoulder
    x, y = MIDDLE * (-1 if left_handed else 1, 1) * width
    return View(float(x), SHOULDER_Y + float(y), 1 / (CROP * width))


def skeleton(hands: Hands, face: np.ndarray, person: Signer) -> Skeleton:
    """Put a person under hands (F, ...), in widths of the shoulders, with face values (F, 7) of `toysign.motion`."""
    width, frames = 2 * person.shoulder, len(hands.wrist)
    origin = np.array([0.0, SHOULDER_Y, SHOULDER_Z])
    mirror = np.stack([SIDES, np.ones(2), np.ones(2)], axis=1)
    shoulder = np.array([person.shoulder, SHOULDER_Y, SHOULDER_Z])
    wanted = origin + width * hands.wrist
    elbow, wrist = reach(shoulder, wanted * mirror, UPPER_ARM * person.arm, FOREARM * person.arm)
    elbow, wrist = elbow * mirror, wrist * mirror
    joints = width * hands.joints() + (wrist - width * hands.wrist)[:, :, None]
    head = euler(*face[:, 4:].T)
    return Skeleton(
        shoulder=np.broadcast_to(shoulder * mirror, (frames, 2, 3)),
        elbow=elbow,
        wrist=wrist,
        hands=joints,
        palm=palm_axes(joints)[..., 2] * -SIDES[:, None],
        face=turn_head(landmarks(face), head, person),
        ears=turn_head(EARS, head, person),
        head=head,
        signer=person,
    )


def spelling_face(letters: np.ndarray, fps: float, manner: Manner) -> np.ndarray:
    """Return the face values (F, 7) under `letters` (F,), which one each frame holds: eyes blink, the head sways.

    The mouth goes along with the letters, as no language has it.
    """
    frames = len(letters)
    values = np.zeros((frames, 7))
    for blink in manner.blinks:
        away = np.abs(np.arange(frames) / fps - blink) / 0.083
        values[:, 1] = np.maximum(values[:, 1], 1.6 * np.clip(1.4 - away, 0, 1))
    open_ = np.where(letters < 0, 0.05, 0.25 + 0.5 * ((letters * 7) % 5) / 4) * manner.mouthing
    kernel = np.ones(max(1, round(0.12 * fps)))
    padded = np.pad(open_, (len(kernel) // 2, len(kernel) - 1 - len(kernel) // 2), mode="edge")
    values[:, 2] = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    values[:, 3] = 0.4 * np.sin(letters * 2.1) * (letters >= 0) * manner.mouthing
    time = 2 * np.pi * (0.23 * np.arange(frames) / fps + manner.phase)
    values[:, 4:] = _SWAY * np.stack(
        [np.sin(time), 0.5 * np.cos(1.7 * time), 0.6 * np.sin(0.6 * time)], axis=1
    )
    return values


def known(body: Skeleton, size: tuple[int, int], shows: View) -> dict[str, np.ndarray]:
    """Return `keypoints` and `hands` as `contracts.Clip` has them; what lies out of the picture is unseen."""
    points, hands = keypoints(body, size, shows)
    assert points.shape[1] == NUM_KEYPOINTS
    points[~_inside(points)] = 0
    hands[~_inside(hands)] = 0
    return {"keypoints": points, "hands": hands}


def _inside(points: np.ndarray) -> np.ndarray:
    return np.asarray(((points[..., :2] >= 0) & (points[..., :2] <= 1)).all(axis=-1))
