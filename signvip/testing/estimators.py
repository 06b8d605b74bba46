"""Conformance of an estimator: whatever it is, what comes out has one form."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from signvip.contracts import NUM_KEYPOINTS, Clip
from signvip.errors import DataError
from signvip.testing.building import configure, require, telling
from signvip.testing.conditions import example_clip

if TYPE_CHECKING:
    import numpy as np

SHAPES: dict[str, tuple[int, ...]] = {"keypoints": (NUM_KEYPOINTS, 3), "hands": (2, 21, 4)}


@telling
def check_estimator(cls: type, clip: Clip | None = None, *, seen: bool = False, **options: Any) -> None:
    """Raise AssertionError with a sentence where an estimator breaks its contract.

    `clip` is what to look at, by default a figure that no detector takes for a person; with `seen`, something
    must be found in it.
    """
    import numpy as np

    name = cls.__name__
    clip = clip or example_clip()
    before = clip.frames.copy()
    estimator: Any = pickle.loads(pickle.dumps(cls(configure(cls, options))))  # as worker processes get it
    provides = tuple(getattr(estimator, "provides", None) or ())
    require(provides, f"{name}.provides must name what it finds, such as keypoints.")
    try:
        found = estimator(clip)
    except DataError as error:  # as the contract has it, where there is nothing to find
        require(not seen, f"{name} finds nothing in this clip: {error}")
        return
    require(np.array_equal(before, clip.frames), f"{name} must not change the clip.")
    require(isinstance(found, Mapping), f"{name} must return a dict of arrays.")
    require(set(found) == set(provides), f"{name} gives {sorted(found)}, not all that it provides.")
    for key, values in found.items():
        _check_values(f"{name}: '{key}'", np.asarray(values), key, len(clip.frames))
        again = estimator(clip)[key]
        require(np.array_equal(values, again), f"{name}: '{key}' differs when the same clip comes again.")
        require(not seen or np.any(np.asarray(values)[..., -1] > 0), f"{name}: '{key}' is nowhere seen.")


def _check_values(what: str, values: np.ndarray, key: str, frames: int) -> None:
    import numpy as np

    if key not in SHAPES:
        require(len(values) == frames, f"{what} has {len(values)} rows for {frames} frames.")
        return
    wanted = (frames, *SHAPES[key])
    require(values.shape == wanted, f"{what} has shape {values.shape} instead of {wanted}.")
    require(np.isfinite(values).all(), f"{what} holds NaN; a point that is not seen has confidence 0.")
    confidence = values[..., -1]
    require(((confidence >= 0) & (confidence <= 1)).all(), f"{what}: a confidence lies outside of 0 and 1.")
