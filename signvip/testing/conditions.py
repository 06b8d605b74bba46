"""Conformance of a condition (section 3.2): what is extracted can be stored, and drawn again at any size."""

from __future__ import annotations

import io
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from signvip.contracts import NUM_KEYPOINTS, Clip
from signvip.testing.building import configure, require, require_methods, telling

if TYPE_CHECKING:
    import numpy as np

FRAMES = 4
SIZES = ((64, 64), (96, 72))


@telling
def check_condition(cls: type, clip: Clip | None = None, **options: Any) -> None:
    """Raise AssertionError with a sentence where a condition breaks its contract.

    `clip` is what to extract from; without it, a waving figure whose keypoints, hands and depth are known.
    """
    import numpy as np

    name = cls.__name__
    clip = clip or example_clip()
    frames = len(clip.frames)
    before = _copy(clip)
    condition: Any = pickle.loads(pickle.dumps(cls(configure(cls, options))))  # as worker processes get it
    require_methods(condition, "extract", "draw")
    data = condition.extract(clip)
    same = all(np.array_equal(was, now) for was, now in zip(before, _copy(clip), strict=True))
    require(same, f"{name}.extract must not change the clip.")
    require(
        isinstance(data, dict) and data, f"{name}.extract must return a dict of arrays with at least one."
    )
    for key, value in data.items():
        require(isinstance(value, np.ndarray), f"{name}.extract: '{key}' must be a numpy array.")
        require(value.dtype != object, f"{name}.extract: '{key}' holds objects; store numbers.")
        rows = value.shape[0] if value.ndim else None
        require(rows == frames, f"{name}.extract: '{key}' has {rows} rows for {frames} frames.")
    for size in SIZES:
        _check_drawing(name, condition, data, size, frames)


def _copy(clip: Clip) -> list[np.ndarray]:
    return [clip.frames.copy(), *(values.copy() for values in clip.known.values())]


def _check_drawing(
    name: str, condition: Any, data: Mapping[str, np.ndarray], size: tuple[int, int], frames: int
) -> None:
    import numpy as np

    drawn = condition.draw(data, size)
    wanted = (frames, *size, 3)
    require(isinstance(drawn, np.ndarray), f"{name}.draw must return a numpy array.")
    require(drawn.shape == wanted, f"{name}.draw gives {drawn.shape} instead of (F, H, W, 3) = {wanted}.")
    require(drawn.dtype == np.uint8, f"{name}.draw gives {drawn.dtype}; pictures are uint8.")
    require(drawn.any(), f"{name}.draw gives only black pictures of a figure that is in full view.")
    require(
        np.array_equal(drawn, condition.draw(data, size)), f"{name}.draw gives another picture each time."
    )
    some = [frames - 1, 0]
    require(
        np.array_equal(condition.draw(data, size, some), drawn[some]),
        f"{name}.draw(data, size, frames) must give those frames, in that order.",
    )
    stored = _through_npz(data)
    require(
        np.array_equal(condition.draw(stored, size), drawn),
        f"{name} cannot be drawn again once stored as npz.",
    )


def _through_npz(data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    import numpy as np

    buffer = io.BytesIO()
    arrays: dict[str, Any] = dict(data)
    np.savez(buffer, **arrays)
    buffer.seek(0)
    with np.load(buffer) as loaded:
        return {key: loaded[key] for key in loaded.files}


def example_clip(frames: int = FRAMES, size: tuple[int, int] = (64, 64)) -> Clip:
    """Return a figure that stands in full view and waves; all that `Clip.known` may hold is known."""
    import numpy as np

    moved = np.linspace(0, 0.05, frames)[:, None]
    points = np.random.default_rng(0).uniform(0.25, 0.7, (NUM_KEYPOINTS, 2))
    keypoints = np.ones((frames, NUM_KEYPOINTS, 3), np.float32)
    keypoints[..., :2] = points[None] + moved[..., None]
    hands = np.ones((frames, 2, 21, 4), np.float32)
    hands[..., :2] = keypoints[:, 86:, :2].reshape(frames, 2, 21, 2)
    hands[..., 2] = np.linspace(-0.1, 0.1, 21)
    depth = np.zeros((frames, *size), np.uint8)
    depth[:, size[0] // 4 :, size[1] // 4 : -size[1] // 4] = 200
    pictures = np.repeat(depth[..., None], 3, axis=-1)
    known: dict[str, Any] = {"keypoints": keypoints, "hands": hands, "depth": depth}
    return Clip("example", pictures, 12.0, "a figure waves", known=known)
