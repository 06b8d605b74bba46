"""Each point arrives where its name says, whatever order the extractor had."""

from __future__ import annotations

from zlib import crc32

import numpy as np
import pytest

from signvip.contracts import BODY, FACE, LEFT_HAND, RIGHT_HAND
from signvip.estimation import from_holistic, from_openpose, from_wholebody
from signvip.estimation.facemesh import IBUG_OF_FACE_MESH
from signvip.estimation.layouts import cleaned
from signvip.estimation.pose_files import BLAZEPOSE as OF_MEDIAPIPE

OURS = (
    "nose neck r-shoulder r-elbow r-wrist l-shoulder l-elbow l-wrist r-hip r-knee r-ankle l-hip l-knee l-ankle r-eye "
    "l-eye r-ear l-ear"
).split()
BODY_25 = (
    "nose neck r-shoulder r-elbow r-wrist l-shoulder l-elbow l-wrist mid-hip r-hip r-knee r-ankle l-hip l-knee l-ankle "
    "r-eye l-eye r-ear l-ear l-big-toe l-small-toe l-heel r-big-toe r-small-toe r-heel"
).split()
COCO = (
    "nose l-eye r-eye l-ear r-ear l-shoulder r-shoulder l-elbow r-elbow l-wrist r-wrist l-hip r-hip l-knee r-knee "
    "l-ankle r-ankle"
).split()
BLAZEPOSE = [name.lower().replace("left_", "l-").replace("right_", "r-") for name in OF_MEDIAPIPE]


def place(name):
    """A place of its own for each name, between 0 and 1."""
    return np.array(
        [crc32(name.encode()) % 9973 / 9973, crc32(name[::-1].encode()) % 9973 / 9973, 0.9], np.float32
    )


def named(names):
    return np.stack([place(name) for name in names])


def part(name, count):
    return named([f"{name}-{number}" for number in range(count)])


FACE_68, LEFT, RIGHT = part("face", 68), part("left", 21), part("right", 21)


@pytest.mark.parametrize("layout", ["openpose", "wholebody", "holistic"])
def test_every_point_arrives_under_its_name(layout):
    if layout == "openpose":
        found = from_openpose(np.concatenate([named(BODY_25), FACE_68, part("pupils", 2), LEFT, RIGHT]))
    elif layout == "wholebody":
        found = from_wholebody(np.concatenate([named(COCO), part("feet", 6), FACE_68, LEFT, RIGHT]))
    else:
        mesh = np.zeros((478, 3), np.float32)
        mesh[IBUG_OF_FACE_MESH] = FACE_68
        found = from_holistic(named(BLAZEPOSE), mesh, LEFT, RIGHT)
    known = [name for name in OURS if layout == "openpose" or name != "neck"]
    assert np.allclose(found[BODY][[OURS.index(name) for name in known]], named(known))
    assert np.allclose(found[FACE], FACE_68)
    assert np.allclose(found[LEFT_HAND], LEFT) and np.allclose(found[RIGHT_HAND], RIGHT)
    if layout != "openpose":
        middle = (place("l-shoulder") + place("r-shoulder")) / 2
        assert np.allclose(found[OURS.index("neck")], middle)


def test_leading_axes_are_kept():
    assert from_wholebody(np.ones((3, 2, 133, 3))).shape == (3, 2, 128, 3)
    assert from_openpose(np.ones((0, 137, 3))).shape == (0, 128, 3)


def test_the_neck_is_as_sure_as_the_less_sure_shoulder():
    people = np.ones((133, 3))
    people[6, 2] = 0.2
    assert from_wholebody(people)[1, 2] == np.float32(0.2)


def test_the_68_points_of_a_face_mesh_are_distinct_and_mirror_each_other():
    assert len(set(IBUG_OF_FACE_MESH)) == 68
    assert max(IBUG_OF_FACE_MESH) < 468


def test_a_reduced_body_takes_nose_and_eyes_from_the_face():
    body = named(BLAZEPOSE)
    body[:11] = 0  # as in the `.pose` files that store arms alone
    mesh = np.zeros((468, 3), np.float32)
    mesh[IBUG_OF_FACE_MESH] = FACE_68
    found = from_holistic(body, mesh, LEFT, RIGHT)
    assert np.allclose(found[0], FACE_68[30])
    assert np.allclose(found[14], FACE_68[36:42].mean(axis=0)) and np.allclose(
        found[15], FACE_68[42:48].mean(axis=0)
    )
    assert not found[16:18].any()


def test_what_is_not_seen_or_no_number_is_all_zeros():
    found = cleaned(np.array([[0.5, 0.5, 0.0], [np.nan, 0.5, 0.9], [0.2, 0.3, 1.4], [0.2, 0.3, -1]]))
    assert np.allclose(found, [[0, 0, 0], [0, 0, 0], [0.2, 0.3, 1], [0, 0, 0]])
