"""Check that a reference shows a signer: ask an installed estimator that finds people, else compare with the usual."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np

from signvip.contracts import Clip, Estimator
from signvip.data.likeness import Likeness
from signvip.data.reference_picture import Source, read_reference
from signvip.errors import DataError
from signvip.registry import build, registry

_FRAMES = 3  # of the same picture: estimators expect a clip
logger = logging.getLogger(__name__)


def doubts_about(reference: Source, fitted: np.ndarray, usual: Likeness | None) -> list[str]:
    """Return a sentence where a reference may show nobody; `fitted` (H, W, 3) is what the run is given of it.

    Who is found is there. Who is not may be drawn, as some training references are: then what is usual decides.
    """
    found = shows_person(lambda: read_reference(reference))
    distance = None if usual is None else usual.distance(fitted)
    if found or (distance is not None and distance <= 1) or (found is None and distance is None):
        return []
    if distance is None:
        return ["No signer was found in the reference; give a picture of one."]
    nobody = "No signer was found in the reference, which is" if found is False else "The reference is"
    return [
        f"{nobody} unlike all that this run was trained on ({distance:.1f} times as far from them as any may be), so "
        "there may be no signer to see; give a picture of one, taken as those of the training were."
    ]


def shows_person(picture: Callable[[], np.ndarray]) -> bool | None:
    """Return whether somebody is found in a picture (H, W, 3) uint8; None where nothing is installed that could say."""
    for name in registry().names("estimator"):
        found = _ask(name, picture)
        if found is not None:
            return found
    return None


def _ask(name: str, picture: Callable[[], np.ndarray]) -> bool | None:
    try:
        if not getattr(registry().get("estimator", name), "finds_people", False):
            return None
        estimator: Estimator = build("estimator", name)
        clip = Clip("reference", np.repeat(picture()[None], _FRAMES, 0), 10.0, "")
        points = estimator(clip).get("keypoints")
    except DataError:  # as estimators say that there is nobody
        return False
    except Exception as error:  # without its weights or libraries it cannot say; foreign code
        logger.info("The estimator %s was not asked about the reference: %s", name, error)
        return None
    return points is not None and bool(points[..., 2].any())
