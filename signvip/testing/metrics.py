"""Conformance of a metric: finite numbers, and the truth is at least as good as anything else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

from signvip.testing.building import configure, require, telling

TRUTH = (
    "tomorrow it will rain in the north",
    "on monday it stays dry and mild",
    "wind from the west at night",
)
OTHER = ("a dog", "seven ships", "nothing")


@telling
def check_metric(
    cls: type, generated: Sequence[Any] | None = None, truth: Sequence[Any] | None = None, **options: Any
) -> None:
    """Raise AssertionError with a sentence where a metric breaks its contract.

    Without `generated` and `truth` it is given small videos, or what else its class says in `takes`.
    """
    name = cls.__name__
    metric: Any = cls(configure(cls, options))
    better: Any = getattr(metric, "higher_is_better", None)
    require(isinstance(better, bool), f"{name}.higher_is_better must be True or False, not {better!r}.")
    takes, target = getattr(cls, "takes", "videos"), getattr(cls, "target", None)
    require(takes in SAMPLES, f"{name}.takes must be one of {', '.join(SAMPLES)}, not {takes!r}.")
    truth = truth if truth is not None else SAMPLES[takes](0)
    generated = generated if generated is not None else SAMPLES[takes](1)
    perfect, other = metric(truth, truth), metric(generated, truth)
    for values in (perfect, other):
        require(isinstance(values, dict) and values, f"{name} must return a dict of numbers.")
        for key, value in values.items():
            number = isinstance(value, Real) and math.isfinite(value)
            require(isinstance(key, str) and number, f"{name}: {key!r} is {value!r}, not a number.")
    require(perfect.keys() == other.keys(), f"{name} must return the same keys each time.")
    for key in perfect:
        ahead = _at_least_as_good(perfect[key], other[key], better, target)
        require(
            ahead,
            f"{name}: '{key}' is better for other input ({other[key]}) than for the truth ({perfect[key]}).",
        )
    require(metric(generated, truth) == other, f"{name} must repeat.")
    if hasattr(metric, "statistics"):
        _check_sums(name, metric, generated, truth, other)


def _check_sums(
    name: str, metric: Any, generated: Sequence[Any], truth: Sequence[Any], values: dict[str, float]
) -> None:
    """Check that the sums for drawing clips again give the metric's own values where each clip is drawn once."""
    import numpy as np

    statistics = np.asarray(metric.statistics(generated, truth))
    shape = statistics.shape
    require(len(shape) == 2 and shape[0] == len(truth), f"{name}.statistics must be (clips, k), not {shape}.")
    found = metric.score(statistics.sum(axis=0))
    same = found.keys() == values.keys() and all(math.isclose(found[key], values[key]) for key in values)
    require(same, f"{name}.score of the sums of its statistics is {found}, and the metric itself {values}.")


def _at_least_as_good(a: float, b: float, higher_is_better: bool, target: float | None) -> bool:
    if target is not None:
        return abs(a - target) <= abs(b - target)
    return a >= b if higher_is_better else a <= b


def _videos(seed: int) -> list[Any]:
    """Four videos of as many smooth frames as FVD takes, (16, 32, 32, 3) in [0, 1]."""
    import numpy as np

    draw = np.random.default_rng(seed)
    corners = draw.uniform(0, 1, (4, 16, 4, 4, 3)).repeat(8, axis=2).repeat(8, axis=3)
    return list(corners.astype(np.float32))


def _clips(seed: int) -> list[Any]:
    """Return the same videos, with keypoints (16, 128, 3) that are seen and spread over the frame."""
    import numpy as np

    from signvip.measures import Signing

    points = np.random.default_rng(seed).uniform(0.1, 0.9, (4, 16, 128, 3)).astype(np.float32)
    points[..., 2] = 1
    return [Signing(video, own) for video, own in zip(_videos(seed), points, strict=True)]


def _identities(seed: int) -> list[Any]:
    """Four clips of one frame each, of which the true ones are the reference pictures themselves."""
    return [clip._replace(frames=clip.frames[:1], keypoints=clip.keypoints[:1]) for clip in _clips(seed)]


def _poses(seed: int) -> list[Any]:
    """Four clips of eight frames with five joints in the plane."""
    import numpy as np

    return list(np.random.default_rng(seed).uniform(0, 1, (4, 8, 5, 2)))


def _keypoints(seed: int) -> list[Any]:
    """Four clips of eight frames with all keypoints, in pixels of frames of 64x64."""
    import numpy as np

    return list(np.random.default_rng(seed).uniform(0, 64, (4, 8, 128, 3)) * (1, 1, 1 / 64))


def _tokens(seed: int) -> list[Any]:
    """Four clips of eight frames with sixteen tokens each, in [0, 25); the truth has all of them equally often."""
    import numpy as np

    even = np.arange(4 * 8 * 16).reshape(4, 8, 16) % 25
    return list(np.random.default_rng(seed).integers(0, 25, even.shape) if seed else even)


def _embeddings(seed: int) -> list[Any]:
    """Four clips of eight frames of embeddings (C, h, w)."""
    import numpy as np

    return list(np.random.default_rng(seed).normal(size=(4, 8, 3, 4, 4)))


def _costs(seed: int) -> list[Any]:
    """Four clips that cost more with each seed."""
    from signvip.measures import Cost

    return [Cost(8, 1.0 + seed, 1000 * (1 + seed))] * 4


SAMPLES: dict[str, Callable[[int], Sequence[Any]]] = {
    "videos": _videos,
    "clips": _clips,
    "identities": _identities,
    "texts": lambda seed: OTHER if seed else TRUTH,
    "poses": _poses,
    "keypoints": _keypoints,
    "tokens": _tokens,
    "embeddings": _embeddings,
    "costs": _costs,
}
