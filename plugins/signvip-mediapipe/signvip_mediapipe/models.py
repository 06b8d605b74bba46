"""The models that ship in MediaPipe's wheel, found without importing it; releases after 0.10.21 ship none."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from signvip.errors import PluginError


def in_wheel() -> list[Path]:
    """Return the models of the installed release, in a fixed order; none where it has none."""
    spec = find_spec("mediapipe")
    folders = spec.submodule_search_locations or [] if spec else []
    return sorted(model for folder in folders for model in (Path(folder) / "modules").rglob("*.tflite"))


def required() -> list[Path]:
    """Return the same; PluginError where there are none."""
    if not (models := in_wheel()):
        raise PluginError(
            "This MediaPipe ships no models; pip install mediapipe==0.10.21, or give a holistic_landmarker.task by "
            "--set estimator.mediapipe.task=PATH"
        )
    return models
