"""The estimator keeps the contract, and what it finds lies where a person sees it."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from conftest import clip
from PIL import Image

from signvip import DataError, build
from signvip.contracts import FACE
from signvip.testing import check_estimator
from signvip_mediapipe.estimator import Mediapipe
from signvip_mediapipe.models import in_wheel

pytestmark = pytest.mark.skipif(not in_wheel(), reason="this MediaPipe has no models; test_task.py tries it")


def test_it_keeps_the_contract_of_an_estimator(astronaut):
    check_estimator(Mediapipe, clip(np.repeat(astronaut[None], 4, 0)))
    check_estimator(Mediapipe)


def test_points_lie_where_they_are_seen_in_the_picture(astronaut):
    found = build("estimator", "mediapipe")(clip(np.repeat(astronaut[None], 3, 0)))["keypoints"]
    pixels = found[-1, :, :2] * 512
    face = pixels[FACE]
    for point, seen in (  # pixels read off the picture by a person
        (face[36:42].mean(axis=0), (205, 103)),  # the right eye, which is on the left
        (face[42:48].mean(axis=0), (247, 103)),
        (face[30], (224, 122)),  # tip of the nose
        (face[48:68].mean(axis=0), (223, 146)),
        (face[8], (222, 178)),  # chin
        (pixels[14], (205, 103)),
        (pixels[15], (247, 103)),
    ):
        assert np.hypot(*(point - seen)) < 14
    assert (found[:, [0, 1, 2, 5, 14, 15], 2] > 0.9).all()
    assert pixels[2, 0] < pixels[1, 0] < pixels[5, 0]  # her right shoulder is on the left of the picture


def test_of_two_people_the_larger_is_taken_on_either_side(astronaut):
    small = np.full((512, 300, 3), 128, np.uint8)
    small[212:] = np.asarray(Image.fromarray(astronaut).resize((300, 300)))
    alone = build("estimator", "mediapipe")(clip(np.repeat(astronaut[None], 3, 0)))["keypoints"]
    for pictures, shift in (((astronaut, small), 0), ((small, astronaut), 300)):
        frames = np.repeat(np.concatenate(pictures, axis=1)[None], 3, 0)
        found = build("estimator", "mediapipe")(clip(frames))["keypoints"]
        face = (found[-1, FACE, 0] * 812 - shift) / 512
        assert np.abs(face - alone[-1, FACE, 0]).max() < 0.03


def test_a_picture_without_people_is_a_sentence(astronaut):
    with pytest.raises(DataError, match="sees nobody"):
        build("estimator", "mediapipe")(clip(np.full((3, 96, 96, 3), 200, np.uint8)))


def test_what_it_costs_is_told_and_nothing_else_is(astronaut, caplog, capfd):
    caplog.set_level(logging.INFO)
    build("estimator", "mediapipe")(clip(np.repeat(astronaut[None], 3, 0)))
    assert "frames a second; a person in 100 %" in caplog.text
    assert capfd.readouterr().err == ""


def test_the_weights_are_known_without_loading_them():
    first, second = (build("estimator", "mediapipe").weights for _ in range(2))
    assert first == second and len(first) == 16
