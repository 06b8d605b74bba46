"""The person who is looked at, and the second look for hands, with detectors that say what the test wants."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from signvip_mediapipe.second_look import LEFT, RIGHT, WRISTS, look_again
from signvip_mediapipe.window import signer_window

FRAME = np.zeros((200, 400, 3), np.uint8)


class Faces:
    """A detector that sees these boxes, x, y, width, height as fractions, in every frame."""

    def __init__(self, *boxes):
        self.boxes = boxes

    def process(self, frame):
        boxes = [SimpleNamespace(xmin=x, ymin=y, width=w, height=h) for x, y, w, h in self.boxes]
        found = [SimpleNamespace(location_data=SimpleNamespace(relative_bounding_box=box)) for box in boxes]
        return SimpleNamespace(detections=found or None)


def window(*boxes):
    return signer_window(np.repeat(FRAME[None], 9, 0), Faces(*boxes))


def test_one_face_or_none_leaves_the_whole_picture():
    assert window() == window((0.4, 0.1, 0.1, 0.2)) == (0, 400)


def test_the_window_ends_halfway_to_the_neighbour():
    signer, neighbour = (0.3, 0.1, 0.1, 0.2), (0.7, 0.1, 0.08, 0.16)
    assert window(signer, neighbour) == (0, round(400 * (0.35 + 0.74) / 2))
    assert window((0.05, 0.1, 0.08, 0.16), signer, neighbour) == (88, 218)


def test_small_faces_and_the_same_face_twice_are_no_neighbours():
    assert window((0.4, 0.1, 0.1, 0.2), (0.8, 0.1, 0.04, 0.08), (0.42, 0.1, 0.09, 0.2)) == (0, 400)


def hand(x, y, size=0.04):
    """A hand (21, 4) whose wrist is at x, y."""
    values = np.zeros((21, 4), np.float32)
    values[:, 0] = x + size * np.linspace(-0.5, 0.5, 21)
    values[:, 1] = y - size * 2 * np.arange(21) / 9
    values[0] = x, y, 0, 0
    values[:, 3] = 1
    return values


class Finder:
    """Finds these hands, given in fractions of the whole picture, in what it is shown of it."""

    def __init__(self, *hands, sees="all"):
        self.hands, self.sees, self.shown = hands, sees, []

    def process(self, picture):
        self.shown.append(picture.shape[:2])
        kind = "whole" if picture.shape[:2] == FRAME.shape[:2] else "close"
        if self.sees not in ("all", kind):
            return SimpleNamespace(multi_hand_landmarks=None)
        found = [
            SimpleNamespace(
                landmark=[SimpleNamespace(x=x, y=y, z=z, visibility=0) for x, y, z, _ in one.tolist()]
            )
            for one in self.hands
        ]
        return SimpleNamespace(multi_hand_landmarks=found)


def body(**places):
    """A body (33, 4) with shoulders and wrists."""
    values = np.zeros((33, 4), np.float32)
    values[[11, 12]] = (0.6, 0.3, 0, 1), (0.4, 0.3, 0, 1)
    for name, place in places.items():
        side = WRISTS[LEFT if name == "left" else RIGHT]
        values[[side, side + 2, side + 4]] = (*place, 0, 1)
    return values


NOBODY = np.zeros((2, 21, 4), np.float32)


def test_missing_hands_go_to_the_wrists_they_hang_on():
    finder = Finder(hand(0.3, 0.8), hand(0.7, 0.8))
    found = look_again(FRAME, body(left=(0.71, 0.8), right=(0.29, 0.8)), NOBODY, finder)
    assert np.allclose(found[LEFT], hand(0.7, 0.8)) and np.allclose(found[RIGHT], hand(0.3, 0.8))
    assert not NOBODY.any() and finder.shown == [(200, 400)]


def test_a_hand_that_is_known_is_not_taken_for_the_other():
    known = NOBODY.copy()
    known[RIGHT] = hand(0.5, 0.8)
    found = look_again(
        FRAME, body(left=(0.5, 0.8), right=(0.52, 0.8)), known, Finder(hand(0.505, 0.8), sees="whole")
    )
    assert not found[LEFT].any()


def test_a_hand_far_from_both_wrists_is_somebody_else_s():
    found = look_again(FRAME, body(left=(0.9, 0.8), right=(0.1, 0.8)), NOBODY, Finder(hand(0.5, 0.8)))
    assert not found.any()


def test_about_the_wrist_places_are_those_of_the_whole_picture():
    finder = Finder(hand(0.5, 0.5), sees="close")
    found = look_again(FRAME, body(left=(0.75, 0.5)), NOBODY, finder)
    assert finder.shown == [(200, 400), (120, 120)]  # 1.5 widths of the shoulders, which are 80 pixels apart
    assert np.allclose(found[LEFT][0, :2], (0.75, 0.5), atol=1e-6)
    assert np.isclose(np.ptp(found[LEFT][:, 0]), np.ptp(hand(0.5, 0.5)[:, 0]) * 120 / 400)


def test_wrists_out_of_the_picture_are_not_looked_at():
    finder = Finder(hand(0.5, 0.5))
    assert not look_again(FRAME, body(left=(0.5, 1.2)), NOBODY, finder).any() and not finder.shown
