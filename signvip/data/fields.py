"""THE table of sample fields: what a member of a shard is called, who writes it, how its bytes are read."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from signvip.contracts import NUM_KEYPOINTS
from signvip.data.video import read_video
from signvip.settings import LARGEST_RATE, MOST
from signvip.storage.json_files import parse_object


@dataclass(frozen=True)
class Field:
    """One row of the table: the name of the field is the member's name after the key and a dot."""

    name: str
    written_by: str
    content: str


VIDEO, META, TEXT = "mp4", "json", "txt"
LATENTS, EMBEDDINGS, TOKENS = "latents.npy", "embeddings.npy", "tokens.npy"

FIELDS = (
    Field(VIDEO, "signvip preprocess", "the clip at model size, h264"),
    Field(META, "signvip preprocess", "id, text, gloss, languages, signer, fps, frames, size, source"),
    Field(TEXT, "signvip preprocess", "the sentence, UTF-8"),
    Field("<condition>.npz", "signvip preprocess", "what the condition needs to be drawn again exactly"),
    Field(LATENTS, "signvip encode", "VAE posterior mean, (F, C, h, w) float16"),
    Field(EMBEDDINGS, "signvip encode --embeddings", "multi-condition embeddings e, (F, C, h, w) float16"),
    Field(TOKENS, "signvip tokenize", "multi-condition tokens d, (F, N) unsigned, row-major over (h, w)"),
)


def condition_field(name: str) -> str:
    """Return the field of a condition, `<name>.npz`."""
    return f"{name}.npz"


def find_points(values: Mapping[str, Any]) -> tuple[str, np.ndarray] | None:
    """Return the field of a decoded sample whose condition stores `keypoints` (F, 128, 3), and those; else None."""
    for name, arrays in values.items():
        if name.endswith(condition_field("")) and "keypoints" in arrays:
            points = arrays["keypoints"]
            if points.shape[1:] == (NUM_KEYPOINTS, 3):
                return name, points
    return None


def find_hands(values: Mapping[str, Any]) -> np.ndarray | None:
    """Return the `hands` (F, 2, 21, 4) that a condition of a decoded sample stores; None where none does."""
    stored = (
        arrays["hands"] for name, arrays in values.items() if name.endswith(".npz") and "hands" in arrays
    )
    return next((hands for hands in stored if hands.shape[1:] == (2, 21, 4)), None)


def maker(field: str) -> str:
    """Return the command that writes a field."""
    return next((row.written_by for row in FIELDS if row.name == field), "signvip preprocess")


def decode(field: str, data: bytes) -> Any:
    """Decode the bytes of a field: npz dict of arrays, npy array, json dict, txt str, mp4 (frames, fps)."""
    match PurePath(f"_.{field}").suffix:
        case ".npz":
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                return dict(arrays)
        case ".npy":
            return np.load(io.BytesIO(data), allow_pickle=False)
        case ".json":
            return about_clip(parse_object(data))
        case ".txt":
            return data.decode()
        case ".mp4":
            return read_video(data)
        case _:
            return data


def about_clip(values: dict[str, Any]) -> dict[str, Any]:
    """Parse a sample's `json`; ValueError for a value of the wrong type. Any key may be left out."""
    for name, kinds in _ABOUT.items():
        value = values.get(name)
        if name in values and (not isinstance(value, kinds) or isinstance(value, bool)):
            raise ValueError(f"its {name} is a {type(value).__name__}")
    for name, most in (("frames", MOST), ("fps", LARGEST_RATE)):
        if name in values and not 0 < values[name] <= most:
            raise ValueError(f"its {name} is {values[name]}")
    return values


_TEXT = (str, type(None))
_ABOUT: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("id", "text"), (str,)),
    **dict.fromkeys(("gloss", "language", "text_language", "signer", "source", "split", "licence"), _TEXT),
    **dict.fromkeys(("frames", "height", "width"), (int,)),
    "fps": (int, float),
    "made": (dict,),
    "alignment": (list,),
}


def encode(field: str, value: Any) -> bytes:
    """Encode a value as the bytes of its field; equal values give equal bytes (mp4: `encode_video`)."""
    buffer = io.BytesIO()
    match PurePath(f"_.{field}").suffix:
        case ".npz":
            arrays: Mapping[str, Any] = value
            np.savez_compressed(buffer, **arrays)  # NumPy 1.26 has no `allow_pickle` here: it would be stored
        case ".npy":
            np.save(buffer, value, allow_pickle=False)
        case ".json":
            buffer.write(
                json.dumps(value, ensure_ascii=False, sort_keys=True).encode(errors="backslashreplace")
            )
        case ".txt":
            buffer.write(value.encode())
        case _:
            buffer.write(value)
    return buffer.getvalue()
