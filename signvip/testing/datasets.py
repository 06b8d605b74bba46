"""Conformance of a dataset reader: fixed order, names that fit into shards, clips that repeat."""

from __future__ import annotations

import pickle
import re
from typing import Any

from signvip.contracts import NUM_KEYPOINTS, SPLITS, Clip
from signvip.testing.building import configure, require, require_methods, telling


@telling
def check_dataset(cls: type, **options: Any) -> None:
    """Raise AssertionError with a sentence where a reader breaks its contract; loads a clip of each split."""
    name = cls.__name__
    reader: Any = cls(configure(cls, options))
    worker: Any = pickle.loads(pickle.dumps(reader))
    require_methods(reader, "ids", "load")
    stamp = getattr(reader, "stamp", None)
    seen: set[str] = set()
    for split in SPLITS:
        ids = reader.ids(split)
        require(ids == reader.ids(split) == worker.ids(split), f"{name}.ids('{split}') must keep its order.")
        for clip_id in ids:
            require(isinstance(clip_id, str) and clip_id, f"{name}: the id {clip_id!r} must be a word.")
            require(
                "." not in clip_id and "/" not in clip_id, f"{name}: the id '{clip_id}' has a dot or a slash."
            )
        require(
            len(set(ids)) == len(ids) and not seen & set(ids), f"{name}: an id of '{split}' occurs twice."
        )
        seen |= set(ids)
        if stamp is not None:
            for clip_id in ids:
                same = stamp(split, clip_id) == worker.stamp(split, clip_id)
                require(same, f"{name}.stamp('{split}', '{clip_id}') differs in another process.")
        if ids:
            clip = reader.load(split, ids[0])
            _check_clip(name, clip, ids[0])
            _check_same(name, clip, worker.load(split, ids[0]))
    require(seen, f"{name} has no clip in any of {', '.join(SPLITS)}.")


def _check_clip(name: str, clip: Clip, clip_id: str) -> None:
    require(isinstance(clip, Clip), f"{name}.load('{clip_id}') must return a signvip.Clip.")
    require(clip.id == clip_id, f"{name}.load('{clip_id}') returns the clip '{clip.id}'.")
    shape, kind = clip.frames.shape, clip.frames.dtype
    require(
        len(shape) == 4 and shape[3] == 3 and shape[0] > 0 and str(kind) == "uint8",
        f"{name}: frames of '{clip_id}' are {shape} {kind} instead of (F, H, W, 3) uint8.",
    )
    require(clip.fps > 0, f"{name}: '{clip_id}' has {clip.fps} frames a second.")
    require(clip.text.strip(), f"{name}: '{clip_id}' has no text.")
    require(
        re.fullmatch("[a-z]{3}", clip.language),
        f"{name}: the language of '{clip_id}' is {clip.language!r}; write ISO 639-3, such as 'ase'.",
    )
    known = {
        "keypoints": (shape[0], NUM_KEYPOINTS, 3),
        "hands": (shape[0], 2, 21, 4),
        "depth": shape[:3],
    }
    for key, wanted in known.items():
        found = clip.known[key].shape if key in clip.known else wanted
        require(found == wanted, f"{name}: known '{key}' of '{clip_id}' is {found} instead of {wanted}.")


def _check_same(name: str, clip: Clip, again: Clip) -> None:
    import numpy as np

    same = np.array_equal(clip.frames, again.frames) and clip.text == again.text
    require(same, f"{name}: '{clip.id}' differs when another process loads it.")
