"""The models that ship in MediaPipe's wheel: what they are, without importing MediaPipe."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from signvip.errors import PluginError


@cache
def fingerprint() -> str:
    """SHA-256 over the names and bytes of all models in the wheel; PluginError where it has none."""
    spec = find_spec("mediapipe")
    folder = Path(next(iter(spec.submodule_search_locations or []), "")) if spec else Path()
    models = sorted((folder / "modules").rglob("*.tflite")) if spec else []
    if not models:
        raise PluginError("This MediaPipe ships no models; pip install mediapipe==0.10.21")
    digest = hashlib.sha256()
    for model in models:
        digest.update(model.relative_to(folder).as_posix().encode())
        digest.update(model.read_bytes())
    return digest.hexdigest()[:16]
