"""A name in the `model_index.json` of runs, for good: see the folder."""

from __future__ import annotations

from typing import Any

from signvip.models.video_diffusion import find


def __getattr__(name: str) -> Any:
    return find(__name__, name)
